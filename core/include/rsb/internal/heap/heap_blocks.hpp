// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks of a heap while its lock is held: from a bin and the next span for it, from whole pages,
// and back.
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/internal/heap/heap_means.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapBlocks : protected HeapMeans<Config> {
 protected:
  using Base = HeapMeans<Config>;
  using Base::become_large, Base::by_all_means, Base::claim, Base::deallocate_slot,
      Base::has_deferred, Base::make_span, Base::note_ahead, Base::offset_in_span, Base::pages_for,
      Base::refuse_link, Base::refuse_unless_live, Base::release_span, Base::runs_ahead,
      Base::take_first, Base::take_over, Base::take_over_backlog, Base::texture_of, Base::verify;
  using Base::bins_, Base::pages_;
  using Base::checked, Base::options, Base::page;
  using typename Base::Classes, typename Base::LockGuard;

  // ---- Slots ----

  // From the spans that the bin has. Null: there is no free slot in them, and none is current.
  [[gnu::always_inline]] void* allocate_in_bin(size_t c) noexcept {
    for (;;) {
      Span* span = bins_.current_or_none(c);
      if (span->has_free()) return pop(span);
      if (span->has_fresh()) return carve(span);
      if (bins_.has_current(c)) {
        verify(span);
        bins_.drop_current(c)->become_full();
      }
      span = take_first(c);
      if (span == nullptr) return nullptr;
      bins_.set_current(span);
    }
  }

  template <Span::Least least = Span::Least::four_bytes>
  void* pop(Span* span) noexcept {
    verify(span);
    void* const slot = span->template pop<options.checks, least>();
    if (slot == nullptr) [[unlikely]]
      refuse_link(span);
    return slot;
  }

  [[gnu::always_inline]] void* carve(Span* span) noexcept {
    verify(span);
    return span->template carve<options.checks>();
  }

  // With the lock held, which it gives up: gets the bin another span if the current one is
  // exhausted.
  [[gnu::noinline]] void* allocate_slot_locked(size_t c, Insist insist = Insist::yes) noexcept {
    LockGuard guard(pages_.lock_, LockGuard::Already::held);
    const bool some_waited = has_deferred();
    if (some_waited) [[unlikely]]
      take_over(guard);
    for (;;) {
      if (void* const slot = allocate_in_bin(c)) return slot;
      if (some_waited && note_ahead(options.span_pages())) [[unlikely]] {
        take_over_backlog(guard);
        continue;
      }
      Span* const run = by_all_means(
          guard, options.span_size, insist,
          [&] { return pages_.take(guard, options.span_pages(), texture_of(c)); },
          [&] { return bins_.has_any(c); });
      if (run == nullptr) {
        if (!bins_.has_any(c)) return nullptr;
        continue;
      }
      make_span(run, static_cast<SizeClass>(c));
      if (bins_.has_current(c)) {
        release_span(guard, run);  // the lock was given up, and another thread was faster
        continue;
      }
      bins_.set_current(run);
      void* const slot = run->template carve<options.checks>();
      pages_.top_up(guard);
      return slot;
    }
  }

  // ---- Whole pages ----

  Span* take_large(LockGuard& guard, size_t size, size_t alignment, Insist insist) noexcept {
    Span* run = nullptr;
    if (size <= max_object_bytes) {
      if (runs_ahead(pages_for(size))) [[unlikely]]
        take_over_backlog(guard);
      run = by_all_means(
          guard, size, insist, [&] { return pages_.take(guard, pages_for(size), alignment); },
          [] { return false; });
    } else {
      pages_.give_up(guard);
    }
    if (run != nullptr) become_large(run);
    return run;
  }

  // ---- Without waiting ----

  // Without giving up the lock.
  void* allocate_at_once(SizeClass c, size_t size, size_t alignment) noexcept {
    if (c == Classes::none) {
      if (size > max_object_bytes) return nullptr;
      Span* const run = take_at_once(pages_for(size), larger(alignment, page));
      if (run == nullptr) return nullptr;
      become_large(run);
      return run->base;
    }
    if (void* const slot = allocate_in_bin(c)) return slot;
    Span* const run = take_at_once(options.span_pages(), page);
    if (run == nullptr) return nullptr;
    make_span(run, c);
    bins_.set_current(run);
    return run->template carve<options.checks>();
  }

  Span* take_at_once(size_t pages, size_t alignment) noexcept {
    if (runs_ahead(pages)) [[unlikely]]
      return pages_.take_from_reserve(pages, alignment);
    return pages_.take_at_once(pages, alignment);
  }

  // ---- Releasing ----

  void deallocate_any(LockGuard& guard, Span* span, void* block) noexcept {
    verify(span);
    const bool is_slot = checked && span->may_be_in_use(block, offset_in_span(span, block));
    if (!is_slot) refuse_unless_live(span, block);
    if (is_slot || span->is_span()) {
      deallocate_slot(guard, span, block);
    } else {
      claim(span, block);
      pages_.give(guard, span, span->pages);
    }
  }
};

}  // namespace rsb
