// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs of pages become spans and large blocks of a heap, and are given back; slots return to spans.
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/internal/heap/heap_faults.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapSpans : protected HeapFaults<Config> {
 protected:
  using Base = HeapFaults<Config>;
  using Base::bins_, Base::is_seeded_, Base::pages_, Base::secret_;
  using Base::checked, Base::longest_cached_run, Base::options, Base::page, Base::spans_have_tails,
      Base::spans_may_be_owned, Base::verifies;
  using Base::offset_in_span, Base::verify;
  using typename Base::Classes, typename Base::LockGuard, typename Base::Runs;

  // ---- Spans ----

  // Of a slot of more than a quarter of its span whole system pages may stay untouched, and often
  // all but the first do.
  static auto texture_of(size_t c) noexcept {
    using Texture = typename HeapPages<Config>::Texture;
    constexpr SizeClass last_dense = Classes::of(smaller(options.span_size / 4, Classes::largest));
    return c > last_dense ? Texture::sparse : Texture::dense;
  }

  void make_span(Span* span, SizeClass c) noexcept {
    if constexpr (KnowsRandom<Config>) {
      if (!is_seeded_) [[unlikely]]
        seed_itself();
    }
    // A linear congruential generator, stirred with where the memory lies; its high bits are good.
    secret_ = secret_ * 0x2c9277b5u + integer_cast<uint32_t>(address_of(span->base) >> 8) + 1;
    span->become_span(c, Classes::layout(c), secret_ << 16 | secret_ >> 16);
    if constexpr (spans_have_tails) set_tails(span, Kind::tail);
  }

  [[gnu::cold, gnu::noinline]] void seed_itself() noexcept {
    is_seeded_ = true;
    if constexpr (KnowsRandom<Config>) secret_ ^= Config::random();
  }

  void set_tails(Span* span, Kind kind) noexcept {
    for (size_t i = 1; i < options.span_pages(); i++) {
      Span* const tail = pages_.map().find(span->base + i * page);
      tail->kind = kind;
      tail->size_class = span->size_class;
      tail->next = span;
    }
  }

  // Whether pages that become free may go back to the source, for which the lock is given up.
  enum class Giving : uint8_t { as_usual, at_once };

  template <Giving giving>
  void give_pages(LockGuard& guard, Span* run, size_t dirty) noexcept {
    if constexpr (giving == Giving::as_usual) {
      pages_.give(guard, run, dirty);
    } else {
      pages_.verify_taken(run);
      pages_.runs_.give(run, dirty);
      pages_.refuse_damaged();
    }
  }

  template <Giving giving = Giving::as_usual>
  void release_span(LockGuard& guard, Span* span) noexcept {
    size_t touched = 1;
    if constexpr (spans_have_tails) {
      set_tails(span, Kind::none);
      touched = (size_t{span->slots.fresh} * 4 + page - 1) / page;
    }
    span->become_run(options.span_pages());
    give_pages<giving>(guard, span, touched);
  }

  // A span whose last slot comes back.
  template <Giving giving = Giving::as_usual>
  void release_last(LockGuard& guard, Span* span) noexcept {
    if (span->kind == Kind::span) bins_.remove(span);
    release_span<giving>(guard, span);
  }

  // The span of a bin's list that has waited longest; null: there is none.
  Span* take_first(size_t c) noexcept {
    if constexpr (verifies) {
      if (const Span* const first = bins_.first(c)) verify(first);
    }
    return bins_.take_first(c);
  }

  template <Giving giving = Giving::as_usual>
  void deallocate_slot(LockGuard& guard, Span* span, void* block) noexcept {
    if (spans_may_be_owned && span->kind == Kind::owned) {
      span->template push_returned<options.checks>(block, offset_in_span(span, block));
    } else if (span->is_last_use()) {
      release_last<giving>(guard, span);
    } else {
      span->template push<options.checks>(block, offset_in_span(span, block));
      if (span->kind == Kind::full && !Runs::is_leaving(span)) bins_.append(span);
    }
  }

  // ---- Large blocks ----

  static void become_large(Span* run) noexcept {
    if constexpr (longest_cached_run != 0) run->become_live();
    become_cached_large(run);
  }
  // As runs are that come from the heap: not live.
  static void become_cached_large(Span* run) noexcept {
    run->set_kind(Kind::large);
    run->size_class = Classes::none;
  }

  // A large block is the caller's alone from now on: it is being released.
  void claim(Span* span, const void* block) noexcept {
    if constexpr (longest_cached_run != 0) {
      if (!span->become_cached() && checked) pages_.fail(Fault::double_free, block);
    }
  }

  // ---- Regions ----

  // Of a region that is being taken out no span is in a bin: all of them are Kind::full. Linear in
  // the number of spans with free slots.
  [[gnu::cold]] void withdraw_spans_of(LockGuard& guard, const char* base, size_t bytes) noexcept {
    for (SizeClass c = 0; c < Classes::count; c++) {
      for (Span *span = bins_.first(c), *next; span != nullptr; span = next) {
        next = span->next;
        if (bytes_from(base, span->base) >= bytes) continue;
        verify(span);
        bins_.remove(span);
        span->become_full();
      }
      Span* const span = bins_.current(c);
      if (span == nullptr || bytes_from(base, span->base) >= bytes) continue;
      bins_.drop_current(c)->become_full();
      if (span->live() == 0) release_span(guard, span);
    }
  }

  // The reverse, in case the region stays. Linear in its runs.
  [[gnu::cold]] void serve_spans_of(Span* region) noexcept {
    for (Span* run = region; run != nullptr; run = pages_.runs_.next_run(run)) {
      if (run->kind == Kind::full && run->has_slot()) bins_.append(run);
    }
  }
};

}  // namespace rsb
