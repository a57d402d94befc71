// SPDX-License-Identifier: MIT OR Apache-2.0
// Inputs of the C interface that once failed, kept as in replays.cpp.
#include "support/test.hpp"

#define HOLDS REQUIRE
#define FAILS(sentence) FAIL(doctest::String(sentence))
#include "fuzz/c_api.hpp"

// Found within three seconds when null was stored before it was looked at.
TEST_CASE("posix_memalign that fails touches nothing") {
  const uint8_t bytes[] = {226, 255, 255, 255, 255};
  fuzz::try_on_c_api(bytes, sizeof bytes);
}
