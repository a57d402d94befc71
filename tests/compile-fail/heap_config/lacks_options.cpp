// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: HeapConfig
// Fails with: options
#include "config.hpp"

struct Configuration {
  using Pages = GoodPages;
  using Lock = GoodLock;
#ifndef BROKEN
  static constexpr rsb::Options options{};
#endif
};

constinit rsb::Heap<Configuration> heap;
