// SPDX-License-Identifier: MIT OR Apache-2.0
// The ways through a heap with caches: the fast paths, and those to which they leave the rest. What
// a program inlines calls only what is here, see HeapPaths.
//
// Room cached_heap: for CachedHeap alone.
#pragma once

#include "rsb/internal/cached_heap/cached_pages.hpp"

namespace rsb {

template <HeapConfig Config>
class CachedPaths : protected CachedPages<Config> {
 protected:
  using Base = CachedPages<Config>;
  using Base::allocate_from_spans, Base::by_all_means, Base::give_slots, Base::has_cache,
      Base::head_of_slot, Base::live_run, Base::note_room, Base::put, Base::refuse_if_recent,
      Base::seems_slot, Base::span_of_slot, Base::take_home, Base::unmarked;
  using Base::cache_options, Base::checked, Base::keeps_runs, Base::options, Base::owns_spans,
      Base::page;
  using Base::pages_, Base::seats_, Base::set_;
  using typename Base::Adopted, typename Base::Classes, typename Base::TheCache,
      typename Base::Visit;

  // ---- Allocating ----

  [[gnu::always_inline]] void* allocate_slot(size_t c) noexcept {
    void* slot = nullptr;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) [[likely]]
        slot = cache->magazine(c).pop();
    }
    return slot != nullptr ? unmarked(slot, c) : allocate_slowly(c);
  }

  [[gnu::noinline]] void* allocate_slowly(size_t its_class) noexcept {
    const SizeClass c = static_cast<SizeClass>(its_class);
    if (!has_cache()) return allocate_alone(c);

    void* slots[cache_options.batch];
    size_t surplus = 0;
    size_t wanted = 1;
    void* found = nullptr;
    bool has_spans = false;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        const Magazine m = cache->magazine(c);
        found = m.pop();  // the cache was only seized, or comes from another thread
        if (found == nullptr) {
          surplus = cache->found_empty(c, set_.budget, slots);
          if (m.capacity() != 0) note_room();
          wanted = larger(smaller(TheCache::batch(c), m.capacity()), 1);
          has_spans = owns_spans && cache->spans.may_own(c);
        }
      }
    }
    if (found != nullptr) return unmarked(found, c);
    give_slots(slots, surplus);
    if (has_spans) {
      if (void* const slot = allocate_from_spans(c, wanted)) return slot;
    }

    const size_t got = Base::allocate_slots(c, slots, wanted);
    if (got == 0) return allocate_alone(c);
    put(c, slots + 1, got - 1);
    return unmarked(slots[0], c);
  }

  // From the heap.
  [[gnu::noinline]] void* allocate_alone(SizeClass c) noexcept {
    return by_all_means(options.span_size, [&] {
      pages_.lock_.lock();
      return Base::allocate_slot_locked(c, Insist::no);
    });
  }

  // ---- Releasing ----

  [[gnu::always_inline]] void deallocate_block(void* block) noexcept {
    Span* const span = pages_.map().find_near(block);
    if (span == nullptr) [[unlikely]]
      return deallocate_doubtful(block, *this);
    deallocate_in(span, block);
  }

  // The span is that of the block's page.
  [[gnu::always_inline]] void deallocate_in(Span* span, void* block) noexcept {
    span = head_of_slot(span);
    Base::verify_shape(span);
    const size_t offset = Base::offset_in_span(span, block);
    if (!seems_slot(span, block, offset)) [[unlikely]]
      return deallocate_doubtful(block, *this);
    const size_t c = span->size_class;
    if constexpr (checked) span->template mark_as_cached<Span::Least::eight_bytes>(block, offset);
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) [[likely]] {
        const Magazine m = cache->magazine(c);
        if (m.push(block)) [[likely]]
          return;
      }
    }
    deallocate_slowly(block, c, *this);
  }

  // What is no slot, or does not look like one at first sight, or lies far from most others. As
  // Heap's slow paths, with the block first.
  [[gnu::noinline]] static void deallocate_doubtful(void* block, CachedPaths& heap) noexcept {
    Span* const span = heap.span_of_slot(block);
    if (span == nullptr) return heap.deallocate_no_slot(block);
    Base::verify_shape(span);
    heap.refuse_if_recent(span, block);
    Base::mark_as_cached(span, block);
    deallocate_slowly(block, span->size_class, heap);
  }

  // The block is marked already.
  [[gnu::noinline]] static void deallocate_slowly(void* block, size_t its_class,
                                                  CachedPaths& heap) noexcept {
    heap.push_slowly(block, static_cast<SizeClass>(its_class));
  }

  void push_slowly(void* block, SizeClass c) noexcept {
    if (!has_cache()) return Base::deallocate(unmarked(block, c));

    void* slots[2 * cache_options.batch + 1];
    size_t surplus = 0;
    Adopted adopted;
    Span* given = nullptr;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        const Magazine m = cache->magazine(c);
        if (m.is_full()) {
          surplus = cache->found_full(c, set_.budget, slots);
          if (m.is_full()) surplus += m.take(slots + surplus, TheCache::batch(c));
        }
        if (!m.push(block)) slots[surplus++] = block;  // no room for a single one
        if constexpr (owns_spans) {
          surplus = take_home(*cache, slots, surplus, given);
          if (cache->spans.may_own(c)) adopted.room = TheCache::Spans::batch;
        }
      } else {
        slots[surplus++] = block;
      }
    }
    note_room();
    if (given != nullptr) Base::take_back_spans(given);
    give_slots(slots, surplus, adopted);
    if (surplus != 0) Base::take_over_some();
  }

  void deallocate_sized(void* block, size_t size, SizeClass c) noexcept {
    Base::expect_class(block, size, c);
    deallocate_block(block);
  }

  // ---- Resizing ----

  [[gnu::noinline]] void* reallocate_to(void* block, size_t size, size_t alignment,
                                        SizeClass c) noexcept {
    if (const Span* const span = span_of_slot(block)) {
      refuse_if_recent(span, block);
      if (c != Classes::none) return move_to(block, span->size_class, size, alignment, c);
    }
    if constexpr (keeps_runs) {
      const Span* const run = c == Classes::none && alignment <= page ? live_run(block) : nullptr;
      if (run != nullptr && Base::has_length(run, Base::pages_for(size))) return block;
    }
    if (size > max_object_bytes) return Base::reallocate_to(block, size, alignment, c);
    const size_t bytes = c == Classes::none ? size : options.span_size;
    return by_all_means(bytes,
                        [&] { return Base::reallocate_to(block, size, alignment, c, Insist::no); });
  }

  // Both are of a bin.
  void* move_to(void* block, SizeClass from, size_t size, size_t alignment, SizeClass c) noexcept {
    if (from == c) return block;
    const size_t old_size = Classes::layout(from).size;
    void* copy;
    if (old_size < Classes::layout(c).size) {
      copy = allocate_slot(c);
      if (copy == nullptr) return nullptr;
    } else {
      copy = allocate_if_easy(c);
      // The heap knows what to do with a block that cannot even become smaller.
      if (copy == nullptr) return Base::reallocate(block, size, alignment);
    }
    __builtin_memcpy(copy, block, smaller(old_size, size));
    deallocate_block(block);
    return copy;
  }

  // Null: there is none at once.
  void* allocate_if_easy(SizeClass c) noexcept {
    void* slot = nullptr;
    bool has_spans = false;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        slot = cache->magazine(c).pop();
        has_spans = owns_spans && cache->spans.may_own(c);
      }
    }
    if (slot == nullptr && has_spans) return allocate_from_spans(c, 1);
    if (slot == nullptr && Base::allocate_slots(c, &slot, 1) == 0) return nullptr;
    return unmarked(slot, c);
  }
};

}  // namespace rsb
