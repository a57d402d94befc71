// SPDX-License-Identifier: MIT OR Apache-2.0
// malloc and new, replaced: in the program, and in the C library that it is linked with.
#include <stdlib.h>
#include <string.h>

#include "rsb/rsb.h"
#include "support/built_instance.hpp"

using support::opaque;
using support::stats;

TEST_CASE("malloc, and what the C library allocates, come from the heap") {
  const size_t before = stats().live_blocks;
  void* const block = opaque(malloc(100));
  char* const copy = opaque(strdup("copy"));
  CHECK(stats().live_blocks == before + 2);
  CHECK(rsb_malloc_usable_size(block) >= 100);
  CHECK(rsb_malloc_usable_size(copy) >= 5);
  free(copy);
  free(block);
  CHECK(stats().live_blocks == before);
}

TEST_CASE("new comes from the heap") {
  const size_t before = stats().live_blocks;
  int* const number = opaque(new int(7));
  int* const numbers = opaque(new int[100]);
  CHECK(stats().live_blocks == before + 2);
  CHECK(rsb_malloc_usable_size(numbers) >= 400);
  delete number;
  delete[] numbers;
  CHECK(stats().live_blocks == before);
}

TEST_CASE("nothing is wrong with the heap") {
  CHECK(rsb_check() == nullptr);
}
