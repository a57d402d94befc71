// SPDX-License-Identifier: MIT OR Apache-2.0
// How much the caches of a heap may hold, in bytes: all together, and each.
//
// Room caches: for the room cached_heap, CachedHeap's.
#pragma once

#include "rsb/arch.hpp"
#include "rsb/internal/machine/bits.hpp"

namespace rsb {

// What the caches of a heap share. For any number of threads at once.
class CacheBudget {
 public:
  constexpr CacheBudget() noexcept = default;

  // Up to `bytes` of it; returns how much.
  size_t take(size_t bytes) noexcept {
    for (;;) {
      const size_t left = load_relaxed(&left_);
      const size_t taken = smaller(bytes, left);
      if (taken == 0 || compare_exchange(&left_, left, left - taken) == left) return taken;
    }
  }

  void give(size_t bytes) noexcept {
    for (;;) {
      const size_t left = load_relaxed(&left_);
      if (compare_exchange(&left_, left, left + bytes) == left) return;
    }
  }

 private:
  size_t left_ = 0;
};

// What one cache may hold, in bytes: a share of its own, and more from the budget, to `most`.
template <size_t own_share, size_t most>
class Allowance {
 public:
  void begin() noexcept { granted_ = spare_ = own_share; }

  size_t granted() const noexcept { return granted_; }
  size_t borrowed() const noexcept { return granted_ - own_share; }
  size_t spare() const noexcept { return spare_; }

  // Borrows what is lacking of `bytes`, so far as there is some.
  void borrow(size_t bytes, CacheBudget& budget) noexcept {
    if (bytes <= spare_) return;
    const size_t more = budget.take(smaller(bytes - spare_, most - granted_));
    granted_ += more;
    spare_ += more;
  }
  void spend(size_t bytes) noexcept { spare_ -= bytes; }
  void earn(size_t bytes) noexcept { spare_ += bytes; }

 private:
  size_t granted_ = 0;
  size_t spare_ = 0;
};

}  // namespace rsb
