// SPDX-License-Identifier: MIT OR Apache-2.0
// What a small heap must do, followed step by step: a list of live blocks with their contents.
// Every answer is compared, and every invariant checked.
#pragma once

#include "rsb/small_inspector.hpp"
#include "support/test.hpp"

// What states that something holds: a test of random cases has its own.
#if !defined(HOLDS)
#define HOLDS CHECK
#endif

namespace support {

template <class Config>
class SmallHeapModel {
 public:
  static constexpr size_t first_bytes = 8 * rsb::KiB;
  static constexpr size_t later_bytes = 3 * rsb::KiB;
  static constexpr size_t later_count = 3;
  static constexpr size_t most_blocks = 1200;

  SmallHeapModel() {
    HOLDS(heap.add_region(first_, sizeof first_) > sizeof first_ * 9 / 10);
    heap_bytes_ = stats().free_bytes;
  }

  rsb::SmallStats stats() { return rsb::inspect(heap).stats(); }
  size_t blocks() const { return count_; }

  void allocate(size_t size, size_t alignment) {
    const rsb::SmallStats before = stats();
    void* const p = alignment == 0 ? heap.allocate(size) : heap.allocate(size, alignment);
    if (p == nullptr) {
      // A larger request may have been met, and a more aligned one not. Largest 0 says: none.
      const size_t least = rsb::larger(rsb::larger(size, 1), alignment);
      const bool is_known = alignment <= rsb::small_granule && before.deferred_blocks == 0 &&
                            Config::options.checks != rsb::Checks::full;
      if (is_known) HOLDS(least > before.largest_request);
      return;
    }
    add(p, size, alignment);
  }

  void allocate_zeroed(size_t size) {
    void* const p = heap.allocate_zeroed(size);
    if (p == nullptr) return;
    HOLDS(holds_only(p, heap.usable_size(p), 0));
    add(p, size, 0);
  }

  // Null needs no reason.
  void allocate_nowait(size_t size, size_t alignment) {
    void* const p = heap.allocate_nowait(size, alignment);
    if (p != nullptr) add(p, size, alignment);
  }

  void deallocate(size_t which) {
    if (count_ == 0) return;
    const Block b = remove(which);
    heap.deallocate(b.p);
  }

  void deallocate_sized(size_t which) {
    if (count_ == 0) return;
    const Block b = remove(which);
    if (b.alignment == 0) {
      heap.deallocate(b.p, b.size);
    } else {
      heap.deallocate(b.p, b.size, b.alignment);
    }
  }

  void deallocate_nowait(size_t which) {
    if constexpr (Config::options.deferred_batch == 0) return deallocate(which);
    if constexpr (Config::options.deferred_batch != 0) {
      if (count_ == 0) return;
      heap.deallocate_nowait(remove(which).p);
    }
  }

  void reallocate(size_t which, size_t size, size_t alignment) {
    if (count_ == 0) return;
    Block& b = blocks_[which % count_];
    void* const p =
        alignment == 0 ? heap.reallocate(b.p, size) : heap.reallocate(b.p, size, alignment);
    if (p == nullptr) {
      // Nor with Checks::full, if the block was made for another alignment than is asked for now.
      const bool may_stay = alignment == 0 || Config::options.checks != rsb::Checks::full;
      HOLDS((size > b.size || alignment > rsb::small_granule || !may_stay));
      return;
    }
    HOLDS(holds_pattern(p, rsb::smaller(size, b.size), b.seed));
    const Block old = remove_at(static_cast<size_t>(&b - blocks_));
    add(p, size, alignment);
    (void)old;
  }

  void add_region(size_t which) {
    which %= later_count;
    if (is_added_[which]) return;
    const size_t before = stats().region_bytes;
    const size_t added = heap.add_region(later_[which], later_bytes);
    HOLDS(added > later_bytes - 160);
    HOLDS(stats().region_bytes == before + added);
    is_added_[which] = true;
  }

  void remove_region(size_t which) {
    which %= later_count;
    bool in_use = false;
    for (size_t i = 0; i < count_; i++) {
      in_use |= rsb::bytes_from(later_[which], blocks_[i].p) < later_bytes;
    }
    const size_t removed = heap.remove_region(later_[which], later_bytes);
    HOLDS((removed != 0) == (is_added_[which] && !in_use));
    if (removed == 0) return;
    is_added_[which] = false;
    fill(later_[which], later_bytes, 0xa5);  // it is ours again
  }

  // Mistakes that are seen for certain, or where the model knows what is in memory.
  void misuse(size_t which, size_t kind) {
    if constexpr (Config::options.checks == rsb::Checks::off) return;
    if (count_ == 0) return;
    const Block& b = blocks_[which % count_];
    char* const p = static_cast<char*>(b.p);
    const auto refused = [&](void* at) { return fault_of([&] { heap.deallocate(at); }); };
    switch (kind % 4) {
      case 0: {
        HOLDS(refused(p + 1) != no_fault);
        const size_t granules = heap.usable_size(p) / rsb::small_granule;
        if (!Config::options.words && granules > 1) {
          char* const inside = p + rsb::small_granule * (1 + which % (granules - 1));
          HOLDS(refused(inside) == static_cast<int>(rsb::Fault::interior_pointer));
        }
        break;
      }
      case 1:
        HOLDS(refused(first_) == static_cast<int>(rsb::Fault::foreign_pointer));
        break;
      case 2:
        HOLDS(fault_of([&] { heap.deallocate(p, b.size + 100); }) ==
              static_cast<int>(rsb::Fault::size_mismatch));
        break;
      case 3: {
        const Block freed = remove(which);
        heap.deallocate(freed.p);
        HOLDS(refused(freed.p) != no_fault);
        break;
      }
    }
  }

  void check() {
    const char* const broken = rsb::inspect(heap).check();
    HOLDS(broken == nullptr);
    const rsb::SmallStats s = stats();
    HOLDS(s.live_blocks == count_ + s.deferred_blocks);
    HOLDS(s.live_bytes >= live_bytes_);
    HOLDS(s.largest_request <= s.free_bytes);
    size_t seen = 0;
    rsb::inspect(heap).walk([&](void* p, size_t bytes) {
      for (size_t i = 0; i < count_; i++) {
        if (blocks_[i].p == p && bytes >= blocks_[i].size) seen++;
      }
      return true;
    });
    HOLDS(seen == count_);
  }

  // Everything back: all memory is one piece in each region.
  void finish() {
    while (count_ != 0) deallocate(count_ / 2);
    check();
    for (size_t i = 0; i < later_count; i++) remove_region(i);  // takes over what waits
    const rsb::SmallStats s = stats();
    HOLDS(s.free_bytes == heap_bytes_);
    HOLDS(s.live_blocks == 0);
    HOLDS(s.fragmentation_percent() <= 1);
  }

  rsb::SmallHeap<Config> heap;

 private:
  struct Block {
    void* p;
    size_t size;
    size_t alignment;
    unsigned seed;
  };

  void add(void* p, size_t size, size_t alignment) {
    const size_t natural = size < 16 ? 8 : rsb::small_granule;
    HOLDS(rsb::is_aligned(opaque(p), rsb::larger(alignment, natural)));
    HOLDS(heap.usable_size(p) >= size);
    bool inside = rsb::bytes_from(first_, p) + size <= sizeof first_;
    for (size_t i = 0; i < later_count; i++) {
      inside |= is_added_[i] && rsb::bytes_from(later_[i], p) + size <= later_bytes;
    }
    HOLDS(inside);
    HOLDS(count_ < most_blocks);
    blocks_[count_] = {p, size, alignment, ++seed_};
    fill_pattern(p, size, seed_);
    live_bytes_ += size;
    count_++;
  }

  // What every block holds at its end is what was written at its beginning, so blocks never
  // overlap.
  Block remove(size_t which) {
    const Block b = remove_at(which % count_);
    HOLDS(holds_pattern(b.p, b.size, b.seed));
    return b;
  }

  Block remove_at(size_t i) {
    const Block b = blocks_[i];
    blocks_[i] = blocks_[--count_];
    live_bytes_ -= b.size;
    return b;
  }

  alignas(16) char first_[first_bytes];
  alignas(16) char later_[later_count][later_bytes];
  bool is_added_[later_count] = {};
  Block blocks_[most_blocks];
  size_t count_ = 0;
  size_t live_bytes_ = 0;
  size_t heap_bytes_ = 0;
  unsigned seed_ = 0;
};

}  // namespace support
