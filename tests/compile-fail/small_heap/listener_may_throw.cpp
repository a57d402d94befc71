// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: a small heap's listener must have
#include "config.hpp"
#include "rsb/small_heap.hpp"

struct Configuration {
  using Lock = GoodLock;
  static constexpr rsb::SmallOptions options{};
  static void allocated(void*, size_t) noexcept {}
#ifdef BROKEN
  static void released(void*, size_t) {}
#else
  static void released(void*, size_t) noexcept {}
#endif
};

constinit rsb::SmallHeap<Configuration> heap;

void* use() {
  return heap.allocate(8);
}
