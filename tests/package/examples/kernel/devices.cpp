// SPDX-License-Identifier: MIT OR Apache-2.0
#include <rsb/heap.hpp>

// Memory that devices reach: a heap of its own, in regions of its own.
struct Devices {
  using Pages = rsb::NoPages;
  using Lock = rsb::SpinLock;
  static constexpr rsb::Options options{
      .page_size = 256,
      .span_size = 1 * rsb::KiB,
      .acquire_size = 1 * rsb::KiB,
      .acquire_alignment = 256,
      .discard_size = 256,
      .map = rsb::Map::flat,
  };
};

constinit rsb::Heap<Devices> device_heap;

void* device_buffer(size_t bytes) {
  return device_heap.allocate(bytes, 64);  // a cache line, so that nothing else shares it
}
