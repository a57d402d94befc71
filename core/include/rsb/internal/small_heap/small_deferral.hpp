// SPDX-License-Identifier: MIT OR Apache-2.0
// What a small heap was given without waiting, and takes over later (small_heap.hpp says when).
//
// Room small_heap: for SmallHeap alone.
#pragma once

#include "rsb/internal/small_heap/small_blocks.hpp"

namespace rsb {

template <SmallHeapConfig Config>
class SmallDeferral : protected SmallBlocks<Config> {
 protected:
  using Base = SmallBlocks<Config>;
  using Base::deferred_, Base::lock_, Base::regions_;
  using Base::defers, Base::granule, Base::least_block, Base::options;
  using Base::fail, Base::fault_of, Base::find, Base::release;
  using typename Base::HeapGuard, typename Base::Marks;

  static constexpr DeferredFrees::Room room = DeferredFrees::Room::link_and_mark;

  bool has_deferred() const noexcept { return deferred_.frees.any(); }

  void* pop_deferred() noexcept {
    const PushGuard pushing(lock_);
    return deferred_.frees.pop();
  }

  [[gnu::always_inline]] void take_over_some() noexcept {
    if constexpr (defers) {
      if (has_deferred()) [[unlikely]]
        take_over();
    }
  }

  // Some of it; returns how many blocks.
  [[gnu::noinline, gnu::cold]] unsigned take_over() noexcept {
    unsigned blocks = 0;
    for (; blocks < options.deferred_batch; blocks++) {
      void* const block = pop_deferred();
      if (block == nullptr) break;
      SmallLive live;
      find(block, live);  // faults if it is no live block
      if (!deferred_.frees.follow(block, room)) [[unlikely]]
        fail(Fault::overwritten_link, block);
      // Or the next block that begins there looks released to deallocate_nowait().
      __builtin_memset(block, 0, 8);
      release(block);
    }
    return blocks;
  }

  // Before `bytes` are allocated. True: with them it would be too much, while blocks wait.
  [[gnu::noinline, gnu::cold]] bool runs_ahead(size_t bytes) noexcept {
    if (deferred_.frees.count() == 0) {
      deferred_.bytes_ahead = 0;
      return false;
    }
    const size_t most = regions_.first().bytes / 16;
    if (bytes > most || deferred_.bytes_ahead + bytes + least_block > most) return true;
    deferred_.bytes_ahead += bytes + least_block;
    return false;
  }

  // Takes over a batch, or as many blocks as wait now: then the lock is given up between batches.
  [[gnu::noinline, gnu::cold]] void catch_up(HeapGuard& guard, size_t bytes) noexcept {
    take_over();
    if (!runs_ahead(bytes)) return;
    for (size_t waiting = deferred_.frees.count(); waiting != 0 && has_deferred();) {
      waiting -= smaller(waiting, take_over());
      Unlocked unlocked(guard);
    }
    deferred_.bytes_ahead = 0;
  }

  // The lock is given up between batches, so that nobody waits for more than one.
  [[gnu::noinline, gnu::cold]] void take_over_all(HeapGuard& guard) noexcept {
    deferred_.frees.look_again();
    while (has_deferred()) {
      take_over();
      Unlocked unlocked(guard);
    }
  }

  void forget_deferred() noexcept {
    deferred_.frees.look_again();
    while (has_deferred()) {
      while (void* const block = pop_deferred()) {
        if (!deferred_.frees.follow(block, room)) fail(Fault::overwritten_link, block);
        __builtin_memset(block, 0, 8);
      }
    }
    deferred_.bytes_ahead = 0;
  }

  // What decides holds still while the block lives: its bits in the table, or its word.
  void refuse_without_lock(void* p) noexcept {
    SmallRegion* const region = regions_.with(p);
    if (region == nullptr || !DeferredFrees::reaches(deferred_.region, p)) {
      raise(Fault::foreign_pointer, p);
    }
    if (!is_aligned(p, granule) || !Marks::seems_live(*region, p)) raise(fault_of(*region, p), p);
    if (deferred_.frees.is_pushed(deferred_.region, p)) raise(Fault::double_free, p);
  }
};

}  // namespace rsb
