// SPDX-License-Identifier: MIT OR Apache-2.0
#include <rsb/heap.hpp>

struct Pool {
  using Pages = rsb::NoPages;  // or a class with acquire() and release()
  using Lock = rsb::NoLock;    // or rsb::SpinLock, or a class with lock() and unlock()
  static constexpr rsb::Options options{
      .page_size = 256,
      .span_size = 1 * rsb::KiB,
      .acquire_size = 1 * rsb::KiB,
      .acquire_alignment = 256,
      .discard_size = 256,
      .map = rsb::Map::flat,
  };
};

constinit rsb::Heap<Pool> heap;
alignas(256) char memory[64 * rsb::KiB];

int main() {
  heap.add_region(memory, sizeof memory);
  void* const block = heap.allocate(4, 4);  // size, alignment: costs four bytes
  if (block == nullptr) return 1;
  heap.deallocate(block, 4, 4);
}
