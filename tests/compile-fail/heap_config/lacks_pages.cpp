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
