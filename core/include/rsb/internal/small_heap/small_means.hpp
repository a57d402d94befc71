// SPDX-License-Identifier: MIT OR Apache-2.0
// By what means a small heap meets a request that is not met at once, one after the other; and how
// a block becomes longer or shorter where it is.
//
// Room small_heap: for SmallHeap alone.
#pragma once

#include "rsb/internal/small_heap/small_extents.hpp"

namespace rsb {

template <SmallHeapConfig Config>
class SmallMeans : protected SmallExtents<Config> {
 protected:
  using Base = SmallExtents<Config>;
  using Base::align, Base::begin_region, Base::block_at, Base::block_bytes, Base::catch_up,
      Base::extend, Base::find, Base::has_deferred, Base::limit, Base::most_of, Base::move_top,
      Base::remove, Base::runs_ahead, Base::shorten, Base::take, Base::take_over_all,
      Base::take_over_some, Base::tell_allocated, Base::tell_released;
  using Base::block_overhead, Base::defers, Base::granule, Base::has_recourse, Base::least_block,
      Base::listens;
  using Base::lock_, Base::recourse_, Base::regions_, Base::statistics_, Base::top_,
      Base::top_bytes_;
  using typename Base::HeapGuard, typename Base::Marks;

  void* allocate_aligned(size_t size, size_t alignment) noexcept {
    lock_.lock();
    return allocate_locked(size, alignment);
  }

  // With the lock held, which it gives up: by all means.
  [[gnu::noinline]] void* allocate_locked(size_t size, size_t alignment) noexcept {
    HeapGuard guard(lock_, HeapGuard::Already::held);
    if constexpr (defers) {
      if (has_deferred()) catch_up(guard, size);
    }
    if (void* const block = take_at_once(size, alignment)) return block;
    do {
      // The lock is given up: what others have freed or added meanwhile is there to be taken.
      if constexpr (defers) take_over_all(guard);
      do {
        if (void* const block = take_at_once(size, alignment)) return block;
      } while (add_next_region());
    } while (may_try_again(guard, size));
    return nullptr;
  }

  // Without giving up the lock.
  [[gnu::noinline]] void* take_at_once(size_t size, size_t alignment) noexcept {
    void* p;
    if (alignment <= granule) {
      p = size < limit() ? take(block_bytes(size)) : nullptr;
    } else {
      // Enough to find an aligned block in, whole and with a block before it.
      if (size >= limit() || alignment >= limit()) return nullptr;
      const size_t wanted = block_bytes(size) + alignment + least_block;
      const size_t least = statistics_.least_yet();
      p = wanted < limit() ? take(block_bytes(wanted)) : nullptr;
      if (p != nullptr) {
        p = align(p, size, alignment);
        statistics_.settle(least);
      }
    }
    tell_allocated(p);
    return p;
  }

  // Asks the handler; if that gives up, it is a failure.
  [[gnu::noinline, gnu::cold]] bool may_try_again([[maybe_unused]] HeapGuard& guard,
                                                  [[maybe_unused]] size_t bytes) noexcept {
    if constexpr (has_recourse) {
      if (OutOfMemoryHandler const handler = recourse_.handler) {
        Unlocked unlocked(guard);
        if (handler(bytes) != 0) return true;
      }
      recourse_.failures++;
      if constexpr (requires { Config::exhausted(); }) {
        Unlocked unlocked(guard);
        Config::exhausted();
      }
    }
    return false;
  }

  // The next one that Config::Pages has and that is not too small, or what one of the regions has
  // grown by. False: there is none.
  bool add_next_region() noexcept {
    if constexpr (has_recourse) {
      for (auto next = recourse_.regions.next(); !next.is_none(); next = recourse_.regions.next()) {
        leave_out_null(next.base, next.bytes);
        size_t added = 0;
        if (SmallRegion* const same = regions_.at(next.base)) {
          // Or it would go on growing for nothing.
          if (next.bytes <= same->given_bytes) return false;
          if (regions_.bytes_with(*same, next.bytes) > most_of(*same)) return false;
          added = extend(*same, next.bytes - same->given_bytes);
        } else {
          added = begin_region(next.base, next.bytes, next.bytes);
          if (added != 0) regions_.at(next.base)->is_of_source = true;
        }
        if (added != 0) return true;
      }
    }
    return false;
  }

  // ---- Resizing ----

  // True: the block is now right for `size`, where it is.
  [[gnu::noinline]] bool resize(void* p, size_t size) noexcept {
    Guard guard(lock_);
    take_over_some();
    SmallLive live;
    const SmallRegion& region = find(p, live);
    if (size >= limit()) return size <= live.bytes - block_overhead;
    const size_t wanted = block_bytes(size);
    const size_t least = statistics_.least_yet();
    size_t bytes = live.bytes;
    if (wanted > bytes) {
      char* const next = static_cast<char*>(p) + bytes;
      const size_t missing = wanted - bytes;
      if (!Marks::is_free(region, next)) return false;
      if constexpr (defers) {
        if (has_deferred() && runs_ahead(missing)) return false;
      }
      if (next == top_) {
        if (top_bytes_ < missing) return false;
        Marks::grow_by_top(region, p, bytes, wanted);
        move_top(top_ + missing, top_bytes_ - missing);
        statistics_.take(missing);
        bytes = wanted;
      } else {
        const size_t behind = Marks::free_bytes(block_at(next));
        if (behind < missing) return false;
        remove(block_at(next));
        Marks::grow_by_block(region, p, bytes, bytes + behind);
        statistics_.take(behind);
        bytes += behind;
      }
    }
    shorten(region, p, bytes, wanted);
    statistics_.settle(least);
    if constexpr (listens) {
      tell_released(p, live.bytes);
      tell_allocated(p);
    }
    return true;
  }
};

}  // namespace rsb
