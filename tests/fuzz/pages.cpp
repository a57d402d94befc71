// SPDX-License-Identifier: MIT OR Apache-2.0
// Whatever is asked of the page allocator below a heap, it does what its model does.
#include "fuzz/holds.hpp"

#include "fuzz/heap.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  fuzz::try_on_heaps(bytes, count, fuzz::of_pages);
  return 0;
}
