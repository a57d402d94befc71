// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: must be noexcept, and return a bool
#include "config.hpp"
#include "rsb/small_heap.hpp"

struct Regions {
  rsb::Region next_region() noexcept { return {}; }
#ifdef BROKEN
  bool take_back(void*, size_t) {
    return true;
  }
#else
  bool take_back(void*, size_t) noexcept {
    return true;
  }
#endif
};

struct Configuration {
  using Pages = Regions;
  using Lock = GoodLock;
  static constexpr rsb::SmallOptions options{};
};

constinit rsb::SmallHeap<Configuration> heap;

size_t use() {
  return heap.trim();
}
