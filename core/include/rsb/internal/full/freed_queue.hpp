// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks that were released, and are kept for a while before they may be used again: so that what
// is written to them meanwhile is seen, and nobody knows which block comes next. Which one leaves
// is chosen at random among the older half. Constant time. The heap's lock guards it.
//
// Room full: for Checks::full of all heaps, and for the room guard_pages.
#pragma once

#include "rsb/internal/machine/bits.hpp"

namespace rsb {

template <unsigned most>
class FreedQueue {
  static_assert(most <= 65536, "FullOptions::queue_blocks must be at most 65,536");

 public:
  static constexpr bool is_there = most > 1;

  size_t count() const noexcept { return count_; }

  bool is_full() const noexcept { return count_ == most; }
  bool is_over(size_t most_bytes) const noexcept { return bytes_ > most_bytes && count_ != 0; }

  // It must not be full.
  void push(void* block, size_t bytes) noexcept {
    entries_[(first_ + count_) % most] = {block, bytes};
    count_++;
    bytes_ += bytes;
  }

  void clear() noexcept {
    first_ = 0;
    count_ = 0;
    bytes_ = 0;
  }

  // visit(block, bytes) for each, until it returns false.
  template <class Visit>
  void for_each(Visit visit) const noexcept {
    for (unsigned i = 0; i < count_; i++) {
      const Entry& entry = entries_[(first_ + i) % most];
      if (!visit(entry.block, entry.bytes)) return;
    }
  }

  // It must not be empty. `random` has 32 bits.
  void* pop(uint32_t random) noexcept {
    Entry& first = entries_[first_];
    const uint32_t nth = (random >> 16) * uint32_t{count_ / 2 + 1} >> 16;
    Entry& chosen = entries_[(first_ + nth) % most];
    const Entry popped = chosen;
    chosen = first;
    first_ = (first_ + 1) % most;
    count_--;
    bytes_ -= popped.bytes;
    return popped.block;
  }

 private:
  struct Entry {
    void* block = nullptr;
    size_t bytes = 0;
  };
  Entry entries_[most] = {};
  unsigned first_ = 0;
  unsigned count_ = 0;
  size_t bytes_ = 0;
};

// Nothing is kept.
template <unsigned most>
requires(most < 2) class FreedQueue<most> {
 public:
  static constexpr bool is_there = false;
  size_t count() const noexcept { return 0; }
  void clear() noexcept {}
  template <class Visit>
  void for_each(Visit) const noexcept {}
};

}  // namespace rsb
