// SPDX-License-Identifier: MIT OR Apache-2.0
// The word that a small heap has before a block, and before its record, is written to.
#include "rsb/small_heap.hpp"

struct Pool {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options{.checks = rsb::Checks::full, .words = true};
};
static constinit rsb::SmallHeap<Pool> heap;
alignas(16) static char region[8192];

int main() {
  heap.add_region(region, sizeof region);
  char* const first = static_cast<char*>(heap.allocate(100));
  char* const second = static_cast<char*>(heap.allocate(100));
  if (second == nullptr) return 1;
  second[-static_cast<int>(sizeof(rsb::BlockRecord)) - 1] ^= 0x40;
  heap.deallocate(first);
  heap.trim();  // until then it waits
  return 0;
}
