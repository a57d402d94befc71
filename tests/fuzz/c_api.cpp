// SPDX-License-Identifier: MIT OR Apache-2.0
// Whatever is asked of the built instance in C, it does what its model does.
#include "fuzz/holds.hpp"

#include "fuzz/c_api.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  fuzz::try_on_c_api(bytes, count);
  return 0;
}
