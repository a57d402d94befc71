// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: and it returns an rsb::Region
#include "config.hpp"
#include "rsb/small_heap.hpp"

struct Regions {
#ifdef BROKEN
  void* next_region() noexcept {
    return nullptr;
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
