// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: HeapConfig
// Fails with: SameAs
#include "config.hpp"

struct Configuration {
  using Pages = GoodPages;
  using Lock = GoodLock;
#ifdef BROKEN
  static constexpr int options = 0;
#else
  static constexpr rsb::Options options{};
#endif
};

constinit rsb::Heap<Configuration> heap;
