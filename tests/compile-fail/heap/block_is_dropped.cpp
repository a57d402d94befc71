// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: nodiscard
#include "config.hpp"

constinit rsb::Heap<Config<>> heap;

void leak() {
#ifdef BROKEN
  heap.allocate(10);
#else
  heap.deallocate(heap.allocate(10));
#endif
}
