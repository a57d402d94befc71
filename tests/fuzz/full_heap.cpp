// SPDX-License-Identifier: MIT OR Apache-2.0
// Whatever is asked of a heap with Checks::full, it does what its model does.
#include "fuzz/holds.hpp"

#include "fuzz/heap.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  fuzz::try_on_full_heaps(bytes, count, fuzz::all);
  return 0;
}
