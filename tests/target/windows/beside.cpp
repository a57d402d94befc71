// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::malloc beside the C runtime's allocator: each has its blocks, and errno stays the runtime's.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "rsb/rsb.h"

namespace {

size_t live_blocks() {
  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks;
}

}  // namespace

TEST_CASE("malloc is the runtime's, rsb_malloc is not") {
  void* const theirs = malloc(100);
  CHECK(live_blocks() == 0);
  void* const ours = rsb_malloc(100);
  CHECK(live_blocks() == 1);
  CHECK(_msize(theirs) == 100);
  rsb_free(ours);
  free(theirs);
  CHECK(live_blocks() == 0);
}

TEST_CASE("errno stays as it was, since nobody has asked for it") {
  volatile size_t too_much = size_t{1} << 60;
  errno = 4242;
  void* const none = rsb_malloc(too_much);
  const int error = errno;
  CHECK(none == nullptr);
  CHECK(error == 4242);
}
