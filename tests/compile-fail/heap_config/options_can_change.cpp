// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: HeapConfig
// Fails with: SameAs
#include "config.hpp"

struct Configuration {
  using Pages = GoodPages;
  using Lock = GoodLock;
#ifdef BROKEN
  static inline rsb::Options options{};
#else
  static constexpr rsb::Options options{};
#endif
};

constinit rsb::Heap<Configuration> heap;
