// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: must have next_region(): noexcept
#include "config.hpp"
#include "rsb/small_heap.hpp"

// Nothing else is needed: a small heap acquires no pages.
struct Regions {
#ifdef BROKEN
  rsb::Region next_region() {
    return {};
  }
#else
  rsb::Region next_region() noexcept {
    return {};
  }
#endif
};

struct Configuration {
  using Pages = Regions;
  using Lock = GoodLock;
  static constexpr rsb::SmallOptions options{};
};

constinit rsb::SmallHeap<Configuration> heap;

void* use() {
  return heap.allocate(8);
}
