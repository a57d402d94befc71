// SPDX-License-Identifier: MIT OR Apache-2.0
// Whatever is asked of a page map, it does what its model does.
#include "fuzz/holds.hpp"

#include "fuzz/page_map.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  fuzz::try_on_page_maps(bytes, count);
  return 0;
}
