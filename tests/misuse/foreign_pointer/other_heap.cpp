// SPDX-License-Identifier: MIT OR Apache-2.0
// The block comes from another heap of the same program.
#include "heap.hpp"

static constinit rsb::Heap<misuse::Config<rsb::platform::Pages>> one;
static constinit rsb::Heap<misuse::Config<rsb::platform::Pages>> another;

int main() {
  void* const block = one.allocate(24);
  void* const other = another.allocate(24);
  one.deallocate(block);
  one.deallocate(other);
}
