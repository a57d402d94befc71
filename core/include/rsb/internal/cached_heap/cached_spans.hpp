// SPDX-License-Identifier: MIT OR Apache-2.0
// Slots from the spans that a thread's cache owns, and back.
//
// Room cached_heap: for CachedHeap alone.
#pragma once

#include "rsb/internal/cached_heap/cached_claiming.hpp"

namespace rsb {

template <HeapConfig Config>
class CachedSpans : protected CachedClaiming<Config> {
 protected:
  using Base = CachedClaiming<Config>;
  using Base::cache_options, Base::options;
  using Base::head_of_slot, Base::own, Base::put, Base::unmarked;
  using Base::pages_, Base::seats_, Base::set_;
  using typename Base::TheCache, typename Base::Visit;

  // Fills the magazine with up to wanted - 1 slots, and returns another one. Null: there are none,
  // nor a span with some to be had at once.
  void* allocate_from_spans(SizeClass c, size_t wanted) noexcept {
    void* slots[cache_options.batch];
    Span* given = nullptr;
    size_t got = 0;
    const void* overwritten = nullptr;
    const Span* damaged = nullptr;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        // Perhaps another one than when `wanted` was found out: see PinnedSeats.
        const Magazine m = cache->magazine(c);
        const size_t most = smaller(wanted, m.capacity() - m.count() + 1);
        got = cache->spans.template take<options.checks>(c, slots, most, given);
        damaged = damaged_of(cache->spans.first(c));
        if (damaged != nullptr) [[unlikely]]
          got = 0;
        if (got > 1) m.put(slots + 1, got - 1);
        if (got == 0) {
          overwritten = damaged != nullptr ? damaged : overwritten_in(cache->spans.first(c));
        }
      }
    }
    if (got == 0 && overwritten == nullptr) {
      got = wanted;
      if (Span* const another = Base::exchange_spans(given, c, slots, got)) {
        if (got == 0) overwritten = overwritten_in(another);
        another->next = nullptr;
        own(another);
        if (got > 1) put(c, slots + 1, got - 1);
      }
    } else if (given != nullptr) {
      Base::take_back_spans(given);
    }
    if (overwritten != nullptr) [[unlikely]]
      raise(damaged != nullptr ? Fault::damaged_descriptor : Fault::overwritten_link, overwritten);
    return got != 0 ? unmarked(slots[0], c) : nullptr;
  }

  // With Checks::full, the same span of those that the cache owns, if its descriptor was written
  // to; null if not.
  const Span* damaged_of([[maybe_unused]] const Span* span) const noexcept {
    if constexpr (Base::verifies) {
      if (span == nullptr) return nullptr;
      const bool is_right =
          !TheCache::Spans::is_damaged(*span) && pages_.map().find(span->base) == span;
      if (!is_right) return span;
    }
    return nullptr;
  }

  // The first slot of a span from which nothing could be taken; null if that is as it should be.
  static const void* overwritten_in(const Span* span) noexcept {
    if (span == nullptr || !span->has_free()) return nullptr;
    return span->slot(span->slots.first_free);
  }

  // Puts the slots into those of their spans that the cache owns; returns how many are left in
  // slots[].
  size_t take_home(TheCache& cache, void** slots, size_t count, Span*& given) noexcept {
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
      Span* const span = head_of_slot(pages_.map().find(slots[i]));
      const size_t offset = Base::offset_in_span(span, slots[i]);
      if (!cache.spans.template put<options.checks>(span, slots[i], offset, set_.span_budget,
                                                    given)) {
        slots[left++] = slots[i];
      }
    }
    return left;
  }
};

}  // namespace rsb
