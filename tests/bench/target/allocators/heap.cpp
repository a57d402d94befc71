// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::Heap in the pages of ports/mps2, without a lock. RSB_CHECKS, RSB_PAGE_SIZE and RSB_SPAN_SIZE
// choose a configuration.
#include "rsb/heap.hpp"

#include "allocator.h"
#include "rsb/inspector.hpp"

namespace {

struct Config {
  using Pages = rsb::NoPages;
  using Lock = rsb::NoLock;
  static constexpr rsb::Options options{
      .page_size = RSB_PAGE_SIZE,
      .span_size = RSB_SPAN_SIZE,
      .acquire_size = RSB_SPAN_SIZE,
      .acquire_alignment = RSB_PAGE_SIZE,
      .discard_size = RSB_PAGE_SIZE,
      .checks = rsb::Checks::RSB_CHECKS,
      .map = rsb::Map::flat,
  };
};

constinit rsb::Heap<Config> heap;

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

size_t pool_metadata(size_t bytes) {
  return bytes - rsb::HeapInspector(heap).stats().acquired_bytes;
}
