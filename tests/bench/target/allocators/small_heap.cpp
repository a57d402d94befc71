// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::SmallHeap, without a lock. RSB_CHECKS and RSB_WORDS choose a configuration.
#include "rsb/small_inspector.hpp"

#include "allocator.h"

namespace {

struct Config {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options{.checks = rsb::Checks::RSB_CHECKS, .words = RSB_WORDS};
};

constinit rsb::SmallHeap<Config> heap;

}  // namespace

void pool_init(void* pool, size_t bytes) {
  heap.add_region(pool, bytes);
}

void* pool_allocate(size_t bytes) {
  return heap.allocate(bytes);
}

void pool_release(void* block, size_t) {
  heap.deallocate(block);
}

size_t pool_metadata(size_t) {
  return rsb::SmallHeapInspector<Config>(heap).stats().metadata_bytes;
}
