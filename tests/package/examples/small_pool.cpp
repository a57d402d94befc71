// SPDX-License-Identifier: MIT OR Apache-2.0
#include <rsb/small_inspector.hpp>

struct Sram {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options{};
};

constinit rsb::SmallHeap<Sram> heap;
char sram[64 * rsb::KiB];

int main() {
  heap.add_region(sram, sizeof sram);  // and others, at any time
  void* const block = heap.allocate(100);
  if (block == nullptr) return 1;
  heap.deallocate(block);
  const rsb::SmallStats stats = rsb::SmallHeapInspector(heap).stats();
  return stats.largest_request < 64'000;
}
