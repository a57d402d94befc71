// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: the Pages of a small heap, which acquires none, must have next_region()
#include "config.hpp"
#include "rsb/small_heap.hpp"

struct Regions : GoodPages {
#ifndef BROKEN
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
