// SPDX-License-Identifier: MIT OR Apache-2.0
// What a heap and caches before it exchange, many at a time: slots, spans and runs of pages.
//
// Room cached_heap: for CachedHeap alone.
#pragma once

#include "rsb/heap.hpp"

namespace rsb {

template <HeapConfig Config>
class CacheExchange : protected Heap<Config> {
 protected:
  using Base = Heap<Config>;
  using Base::become_cached_large, Base::deallocate_slot, Base::has_deferred, Base::head_of,
      Base::make_span, Base::offset_in_span, Base::release_span, Base::runs_ahead, Base::take_first,
      Base::take_over, Base::verify;
  using Base::bins_, Base::pages_;
  using Base::checked, Base::options, Base::spans_may_be_owned;
  using typename Base::LockGuard, typename Base::Pages, typename Base::Runs;

  // ---- Slots ----

  // Slots on their way to caches, in them and from them are marked, see Span.
  static void mark_as_cached(const Span* span, void* slot) noexcept {
    if constexpr (checked) span->mark_as_cached(slot, offset_in_span(span, slot));
  }

  // Up to `most` slots into slots[], of what can be had without giving up the lock; returns how
  // many.
  [[gnu::noinline]] size_t allocate_slots(SizeClass c, void** slots, size_t most) noexcept {
    LockGuard guard(pages_.lock_);
    if (has_deferred()) [[unlikely]]
      take_over(guard);
    size_t count = 0;
    while (count < most) {
      Span* const span = bins_.current(c);
      if (span == nullptr || !span->has_slot()) {
        if (!advance(c)) break;
        continue;
      }
      verify(span);
      const size_t taken = span->template take<options.checks>(slots + count, most - count);
      if (taken == 0) [[unlikely]]
        break;  // overwritten: a fault of who asks for this slot alone
      count += taken;
    }
    pages_.top_up(guard);
    return count;
  }

  // Gives the bin another span, whose current one has no slot. False: there is none at once.
  bool advance(SizeClass c) noexcept {
    if (bins_.has_current(c)) {
      if constexpr (Base::verifies) verify(bins_.current(c));
      bins_.drop_current(c)->become_full();
    }
    Span* span = take_first(c);
    if (span == nullptr) span = new_span(c);
    if (span == nullptr) return false;
    bins_.set_current(span);
    return true;
  }

  // Of pages that are to be had at once; null: there are none.
  Span* new_span(SizeClass c) noexcept {
    if (runs_ahead(options.span_pages())) return nullptr;
    Span* const span = pages_.runs_.take(options.span_pages());
    pages_.refuse_damaged();
    if (span != nullptr) make_span(span, c);
    return span;
  }

  // Spans that were full until a slot of theirs came back, on their way to the cache that it comes
  // from; at most `room` more.
  struct Adopted {
    size_t room = 0;
    Span* spans = nullptr;
  };

  // Releases slots of any classes, one after the other; returns how many, which is fewer than
  // `count` if the next one is not marked as it was, or has come back already.
  [[gnu::noinline]] size_t deallocate_slots(void* const* slots, size_t count,
                                            Adopted& adopted) noexcept {
    // So that nobody waits for the lock while this one waits for memory.
    for (size_t i = 0; i < count; i++) {
      __builtin_prefetch(slots[i], 1);
      __builtin_prefetch(pages_.map().find(slots[i]), 1);
    }
    LockGuard guard(pages_.lock_);
    for (size_t i = 0; i < count; i++) {
      Span* const span = head_of(pages_.map().find(slots[i]));
      verify(span);
      if constexpr (checked) {
        if (!span->is_span() || !span->may_leave_cache(slots[i], offset_in_span(span, slots[i]))) {
          return i;
        }
      }
      if (spans_may_be_owned && adopted.room != 0) adopt(span, adopted);
      deallocate_slot(guard, span, slots[i]);
    }
    for (Span* span = adopted.spans; span != nullptr; span = span->next) {
      span->template take_returned<options.checks>();
    }
    return count;
  }

  // Spans of few slots are soon empty: no gain.
  static void adopt(Span* span, Adopted& adopted) noexcept {
    constexpr unsigned least_slots = 4;
    if (span->kind != Kind::full || span->slot_units == 1 || Runs::is_leaving(span)) return;
    if (span->slot_units * least_slots > span->end) return;
    span->become_owned();
    span->next = adopted.spans;
    adopted.spans = span;
    adopted.room--;
  }

  // ---- Spans ----

  // Whole spans pass between the heap and caches, too: Kind::owned, one behind the other by `next`.
  // On their way nothing of them changes but under the lock: others may be looking at the heap.

  [[gnu::noinline]] void take_back_spans(Span* given) noexcept {
    LockGuard guard(pages_.lock_);
    take_back(guard, given);
  }

  // The same; and a span of class c for a cache to own, of the bin or a new one; with up to `count`
  // of its slots, how many then. Null: none can be had without giving up the lock.
  [[gnu::noinline]] Span* exchange_spans(Span* given, SizeClass c, void** slots,
                                         size_t& count) noexcept {
    LockGuard guard(pages_.lock_);
    take_back(guard, given);
    if (has_deferred()) [[unlikely]]
      take_over(guard);
    Span* const taken = span_to_own(c);
    count = taken != nullptr ? taken->template take<options.checks>(slots, count) : 0;
    pages_.top_up(guard);
    return taken;
  }

  void take_back(LockGuard& guard, Span* spans) noexcept {
    for (Span* next; spans != nullptr; spans = next) {
      next = spans->next;
      take_back_one(guard, spans);
    }
  }

  void take_back_one(LockGuard& guard, Span* span) noexcept {
    verify_owned(span);
    span->template take_returned<options.checks>();
    if (span->is_last_use()) return release_span(guard, span);
    span->uses--;
    if (span->has_slot() && !Runs::is_leaving(span)) return bins_.append(span);
    span->become_full();
  }

  // One whose owner does nothing with it any more.
  void verify_owned([[maybe_unused]] const Span* span) noexcept {
    if constexpr (Base::verifies) {
      verify(span);
      if (SpanInvariants<typename Base::Classes>::broken_counts(*span, Kind::owned) != nullptr)
          [[unlikely]]
        Base::refuse_descriptor(span);
    }
  }

  Span* span_to_own(SizeClass c) noexcept {
    Span* span = nullptr;
    if (bins_.has_current(c)) {
      if constexpr (Base::verifies) verify(bins_.current(c));
      span = bins_.drop_current(c);
      if (!span->has_slot()) {
        span->become_full();
        span = nullptr;
      }
    }
    if (span == nullptr) span = take_first(c);
    if (span == nullptr) span = new_span(c);
    if (span != nullptr) span->become_owned();
    return span;
  }

  // ---- Runs of pages: one behind the other by `next`, see Span::is_cached ----

  // Up to `most`, of those that are to be had without giving up the lock; null: none.
  [[gnu::noinline]] Span* take_runs(size_t pages, size_t most) noexcept {
    LockGuard guard(pages_.lock_);
    if (has_deferred()) [[unlikely]]
      take_over(guard);
    Span* taken = nullptr;
    for (; most != 0 && !runs_ahead(pages); most--) {
      Span* const run = pages_.runs_.take(pages);
      if (run == nullptr) break;
      become_cached_large(run);
      if (!ZeroingSource<Pages> || PageRuns<options>::is_given(run)) run->dirty = run->pages;
      run->next = taken;
      taken = run;
    }
    pages_.refuse_damaged();
    pages_.top_up(guard);
    return taken;
  }

  [[gnu::noinline]] void take_back_runs(Span* given) noexcept {
    LockGuard guard(pages_.lock_);
    for (Span* next; given != nullptr; given = next) {
      next = given->next;
      pages_.give(guard, given, given->dirty);
    }
  }
};

}  // namespace rsb
