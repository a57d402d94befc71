// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: a small heap has an out-of-memory handler only if
#include "config.hpp"
#include "rsb/small_heap.hpp"

struct Configuration {
  using Lock = GoodLock;
  static constexpr rsb::SmallOptions options{};
#ifndef BROKEN
  static void exhausted() noexcept {}
#endif
};

constinit rsb::SmallHeap<Configuration> heap;

void set(rsb::OutOfMemoryHandler handler) {
  heap.set_out_of_memory_handler(handler);
}
