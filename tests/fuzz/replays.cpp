// SPDX-License-Identifier: MIT OR Apache-2.0
// Inputs that once failed, as unit tests: none may again. The bytes are those of the file that the
// fuzzer left, made shorter first by `PROGRAM -minimize_crash=1 -max_total_time=60 FILE`: up to 256
// the fuzzer prints as an array, and `od -An -v -tu1 FILE` prints any. They go to what the fuzzer's
// source calls.
#include "support/test.hpp"

#define HOLDS REQUIRE
#define FAILS(sentence) FAIL(doctest::String(sentence))
#include "fuzz/heap.hpp"
#include "fuzz/page_map.hpp"
#include "fuzz/small_heap.hpp"

// Found within six seconds when merging forgot a granule of the block behind.
TEST_CASE("a block of a small heap becomes one with the free memory behind it") {
  const uint8_t bytes[] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x1d, 0x10, 0x2, 0x0, 0x8};
  fuzz::try_on_small_heaps(bytes, sizeof bytes);
}

// Found in 152 inputs: with Checks::full the release was refused as one of another size.
TEST_CASE("what is kept smaller for want of memory is released as it was asked for last") {
  const uint8_t bytes[] = {1,  249, 92, 237, 68,  165, 139, 31,  85,  218, 171,
                           82, 252, 5,  60,  131, 237, 244, 211, 243, 2};
  fuzz::try_on_full_heaps(bytes, sizeof bytes, fuzz::all);
}
