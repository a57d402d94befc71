// SPDX-License-Identifier: MIT OR Apache-2.0
// What lies before a region is written beyond: at the region's front are the descriptors of its
// pages.
#include "rsb/heap.hpp"

struct Pool {
  using Pages = rsb::NoPages;
  using Lock = rsb::NoLock;
  static constexpr rsb::Options options{.page_size = 256,
                                        .span_size = 1024,
                                        .acquire_size = 1024,
                                        .acquire_alignment = 256,
                                        .discard_size = 256,
                                        .checks = rsb::Checks::full,
                                        .map = rsb::Map::flat};
};
static constinit rsb::Heap<Pool> heap;

static struct {
  alignas(256) char name[256];
  char region[16384];
} memory;

int main() {
  heap.add_region(memory.region, sizeof memory.region);
  if (heap.allocate(100) == nullptr) return 1;
  for (int i = 0; i < 512; i++) memory.name[i] = 'x';
  return heap.allocate(100) == nullptr;
}
