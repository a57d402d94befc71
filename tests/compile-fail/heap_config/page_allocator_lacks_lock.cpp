// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: HeapConfig
// Fails with: Lock
#include "config.hpp"

struct Configuration {
  using Pages = GoodPages;
#ifndef BROKEN
  using Lock = GoodLock;
#endif
  static constexpr rsb::Options options{};
};

constinit rsb::PageAllocator<Configuration> pages;
