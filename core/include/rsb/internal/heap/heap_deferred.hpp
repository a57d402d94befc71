// SPDX-License-Identifier: MIT OR Apache-2.0
// What a heap was given without waiting, and takes over later (heap.hpp says when).
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/internal/heap/heap_spans.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapDeferred : protected HeapSpans<Config> {
 protected:
  using Base = HeapSpans<Config>;
  using Base::claim, Base::deallocate_slot, Base::deferred, Base::give_pages, Base::has_deferred,
      Base::head_of, Base::pop_deferred, Base::refuse_unless_live, Base::verify;
  using Base::options;
  using Base::pages_, Base::pages_ahead_;
  using typename Base::Classes, typename Base::Giving, typename Base::LockGuard;

  using Room = DeferredFrees::Room;

  static constexpr size_t most_pages_ahead = options.deferred_batch * options.span_pages();

  static Room room_in(const Span* span) noexcept {
    const bool is_least = span->size_class != Classes::none && span->slot_units == 1;
    return is_least ? Room::link : Room::link_and_mark;
  }

  // ---- Taking over ----

  // Some of it; returns how many blocks. The lock may be given up in between, unless `at_once`.
  template <Giving giving = Giving::as_usual>
  [[gnu::noinline, gnu::cold]] unsigned take_over(LockGuard& guard) noexcept {
    unsigned blocks = 0;
    for (; blocks < options.deferred_batch; blocks++) {
      void* const block = pop_deferred();
      if (block == nullptr) break;
      Span* span = pages_.map().find(block);
      if (span == nullptr) [[unlikely]]
        pages_.fail(Fault::foreign_pointer, block);
      span = head_of(span);
      verify(span);
      refuse_unless_live(span, block);
      if (!deferred().follow(block, room_in(span))) [[unlikely]]
        pages_.fail(Fault::overwritten_link, block);
      // Or the next block that begins there looks released to deallocate_nowait().
      if (room_in(span) == Room::link_and_mark) __builtin_memset(block, 0, 8);
      if (span->is_span()) {
        Base::template deallocate_slot<giving>(guard, span, block);
      } else {
        claim(span, block);
        Base::template give_pages<giving>(guard, span, span->pages);
      }
    }
    if (deferred().count() == 0) pages_ahead_ = 0;
    return blocks;
  }

  // What deallocate_nowait() was given: as the last step of who calls these, since there may be a
  // fault in it, whose hook jumps out.
  void take_over_some() noexcept {
    if (!has_deferred()) [[likely]]
      return;
    LockGuard guard(pages_.lock_);
    take_over(guard);
  }

  // As many blocks as wait now, whoever releases others meanwhile. The lock is given up between
  // batches.
  [[gnu::noinline, gnu::cold]] void take_over_backlog(LockGuard& guard) noexcept {
    for (size_t waiting = deferred().count(); waiting != 0 && has_deferred();) {
      waiting -= smaller(waiting, take_over(guard));
      Unlocked unlocked(guard);
    }
    pages_ahead_ = 0;
  }

  // The lock is given up between batches, so that nobody waits for more than one.
  [[gnu::noinline, gnu::cold]] bool take_over_all(LockGuard& guard) noexcept {
    bool any = false;
    while (has_deferred()) {
      if (take_over(guard) != 0) any = true;
      Unlocked unlocked(guard);
    }
    return any;
  }

  // ---- Pages taken while blocks wait ----

  // Asked before pages are taken. True: with them it would be too many, while blocks wait to be
  // taken over.
  bool runs_ahead(size_t pages) noexcept {
    if (!has_deferred()) [[likely]]
      return false;
    return note_ahead(pages);
  }

  [[gnu::noinline, gnu::cold]] bool note_ahead(size_t pages) noexcept {
    if (deferred().count() == 0) return false;
    if (pages > most_pages_ahead - pages_ahead_) return true;
    pages_ahead_ += pages;
    return false;
  }
};

}  // namespace rsb
