// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: HeapConfig
// Fails with: Pages
#include "config.hpp"

struct Configuration {
#ifndef BROKEN
  using Pages = GoodPages;
#endif
  using Lock = GoodLock;
  static constexpr rsb::Options options{};
};

constinit rsb::Heap<Configuration> heap;
