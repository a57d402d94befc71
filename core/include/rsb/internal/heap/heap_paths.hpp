// SPDX-License-Identifier: MIT OR Apache-2.0
// The ways through a heap: the fast paths, and those to which they leave the rest. What a program
// inlines calls only what is here, not the layers below: GCC does not know that the addresses of
// the bases of one object are one, and of a heap whose address is known it would no longer use
// that.
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/internal/heap/heap_moving.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapPaths : protected HeapMoving<Config> {
 protected:
  using Base = HeapMoving<Config>;
  using Base::allocate_slot_locked, Base::bytes_of_block, Base::expect_class, Base::filled,
      Base::find, Base::has_deferred, Base::head_of, Base::move_pages, Base::offset_in_span,
      Base::pages_for, Base::pop, Base::refuse_unless_live, Base::resize, Base::take_large,
      Base::take_over, Base::verify;
  using Base::bins_, Base::moving_fails_, Base::pages_, Base::shrunk_in_place_;
  using Base::least_to_move, Base::options, Base::page, Base::spans_may_be_owned;
  using typename Base::Classes, typename Base::LockGuard, typename Base::LockHeld,
      typename Base::Pages;

  // Where pointers have 4 bytes, so have the least blocks of malloc().
  static constexpr Span::Least least_of_malloc = Classes::layout(Classes::of(0)).units == 1
                                                     ? Span::Least::four_bytes
                                                     : Span::Least::eight_bytes;

  // ---- Allocating ----

  // The fast path of every small allocation: a slot that was freed, of the current span. What it
  // cannot do at once it leaves, as its last step and with the lock held, to a slow path, so that
  // it needs no stack frame.
  template <Span::Least least = Span::Least::four_bytes>
  [[gnu::always_inline]] void* allocate_slot(size_t c) noexcept {
    if (take_if_free(pages_.lock_)) [[likely]] {
      LockHeld held(pages_.lock_);
      Span* const span = bins_.current_or_none(c);
      if (span->has_free()) [[likely]]
        return Base::template pop<least>(span);
      held.hand_over();
      return allocate_fresh_locked(c, span);
    }
    return allocate_slot_waiting(c);
  }

  // With the lock held, which it gives up: a slot of the current span that was never handed out.
  [[gnu::noinline]] void* allocate_fresh_locked(size_t c, Span* span) noexcept {
    LockHeld held(pages_.lock_);
    if (span->has_fresh() && !has_deferred()) [[likely]]
      return Base::carve(span);
    held.hand_over();
    return allocate_slot_locked(c);
  }

  [[gnu::noinline]] void* allocate_slot_waiting(size_t c) noexcept {
    pages_.lock_.lock();
    return allocate_slot_locked(c);
  }

  [[gnu::noinline]] void* allocate_large(size_t size, size_t alignment, Fill fill,
                                         Insist insist = Insist::yes) noexcept {
    char* base = nullptr;
    bool zero = false;
    {
      LockGuard guard(pages_.lock_);
      if (has_deferred()) [[unlikely]]
        take_over(guard);
      if (Span* const run = take_large(guard, size, larger(alignment, page), insist)) {
        base = run->base;
        zero = ZeroingSource<Pages> && run->dirty == 0 && !PageRuns<options>::is_given(run);
        pages_.top_up(guard);
      }
    }
    return filled(base, zero ? 0 : pages_for(size) * page, fill);
  }

  // ---- Releasing ----

  // The fast path of every free: a slot of a span that stays where it is. All else, and all that
  // looks like a fault, it leaves to a slow path, as its last step and with the lock held: so it
  // needs no stack frame.
  [[gnu::always_inline]] void deallocate_block(void* block) noexcept {
    if (Span* const span = pages_.map().find_near(block)) [[likely]]
      return deallocate_in(span, block);
    deallocate_far(block, *this);
  }

  // These slow paths have the block as their first argument, as free() does: so it stays in its
  // register.

  [[gnu::noinline]] static void deallocate_far(void* block, HeapPaths& heap) noexcept {
    Span* const span = heap.pages_.map().find(block);
    if (span != nullptr) return heap.deallocate_in(span, block);
    deallocate_slowly(block, heap);
  }

  [[gnu::always_inline]] void deallocate_in(Span* span, void* block) noexcept {
    if (take_if_free(pages_.lock_)) [[likely]] {
      LockHeld held(pages_.lock_);
      span = head_of(span);
      verify(span);
      const size_t offset = offset_in_span(span, block);
      if (spans_may_be_owned && span->kind == Kind::owned) {
        held.hand_over();
        return deallocate_locked(block, span, *this);
      }
      const Span::Quick pushed = span->template push_quickly<options.checks>(block, offset);
      if (pushed == Span::Quick::done) [[likely]]
        return;
      held.hand_over();
      if (pushed == Span::Quick::last_use) return release_last_locked(span, *this);
      return deallocate_locked(block, span, *this);
    }
    deallocate_slowly(block, *this);
  }

  [[gnu::noinline]] static void deallocate_slowly(void* block, HeapPaths& heap) noexcept {
    if (block == nullptr) return;
    Span* const span = heap.find(block);
    heap.pages_.lock_.lock();
    deallocate_locked(block, heap.head_of(span), heap);
  }

  // After Quick::last_use, with the lock held, which it gives up.
  [[gnu::noinline]] static void release_last_locked(Span* span, HeapPaths& heap) noexcept {
    LockGuard guard(heap.pages_.lock_, LockGuard::Already::held);
    heap.release_last(guard, span);
    if (heap.has_deferred()) [[unlikely]]
      heap.take_over(guard);
  }

  // With the lock held, which it gives up: a block of any kind, or null (see find_near()).
  [[gnu::noinline]] static void deallocate_locked(void* block, Span* span,
                                                  HeapPaths& heap) noexcept {
    LockGuard guard(heap.pages_.lock_, LockGuard::Already::held);
    if (block != nullptr) heap.deallocate_any(guard, span, block);
    if (heap.has_deferred()) [[unlikely]]
      heap.take_over(guard);
  }

  void deallocate_sized(void* block, size_t size, SizeClass c) noexcept {
    expect_class(block, size, c);
    deallocate_block(block);
  }

  // ---- Resizing ----

  // c == none: `size` takes whole pages.
  [[gnu::noinline]] void* reallocate_to(void* block, size_t size, size_t alignment, SizeClass c,
                                        Insist insist = Insist::yes) noexcept {
    Span* span = find(block);
    size_t old_bytes;
    {
      LockGuard guard(pages_.lock_);
      span = head_of(span);
      refuse_unless_live(span, block);
      old_bytes = bytes_of_block(span);
      const bool was_large = span->kind == Kind::large;
      if (!was_large && span->size_class == c) return block;
      if (was_large && c == Classes::none && size <= max_object_bytes &&
          is_aligned(block, larger(alignment, 1)) && resize(guard, span, pages_for(size))) {
        return block;
      }
    }
    if constexpr (MovingSource<Pages>) {
      if (old_bytes >= least_to_move && size > old_bytes && size <= max_object_bytes &&
          !load_relaxed(&moving_fails_)) {
        if (void* const moved = move_pages(span, size, alignment)) return moved;
      }
    }
    const bool may_stay = size <= old_bytes && is_aligned(block, larger(alignment, 1));
    void* const copy = allocate_anew(size, alignment, c, may_stay ? Insist::no : insist);
    if (copy == nullptr) {
      if (!may_stay) return nullptr;
      // A block can always become smaller: it keeps its place, and its class is larger than its
      // size says.
      store_relaxed(&shrunk_in_place_, true);
      return block;
    }
    __builtin_memcpy(copy, block, smaller(old_bytes, size));
    deallocate_block(block);
    return copy;
  }

  void* allocate_anew(size_t size, size_t alignment, SizeClass c, Insist insist) noexcept {
    if (c == Classes::none) return allocate_large(size, alignment, Fill::none, insist);
    if (insist == Insist::yes) return allocate_slot(c);
    pages_.lock_.lock();
    return allocate_slot_locked(c, insist);
  }
};

}  // namespace rsb
