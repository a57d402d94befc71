// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: allocate_nowait needs a Lock that has try_lock() or says that it never_waits
#include "config.hpp"

#ifdef BROKEN
constinit rsb::Heap<Config<>> heap;
#else
constinit rsb::Heap<Config<rsb::Options{}, GoodPages, rsb::SpinLock>> heap;
#endif

void* allocate() {
  return heap.allocate_nowait(16);
}
