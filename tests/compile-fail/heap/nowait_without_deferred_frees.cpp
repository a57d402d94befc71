// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: deallocate_nowait needs an Options::deferred_batch other than 0
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.deferred_batch = 0};
#else
constexpr rsb::Options options{};
#endif
constinit rsb::Heap<Config<options>> heap;

void deallocate(void* block) {
  heap.deallocate_nowait(block);
}
