// SPDX-License-Identifier: MIT OR Apache-2.0
// The built heap as a port configures it, and its end.
#include <errno.h>

#include "rsb/internal/machine/bits.hpp"
#include "support/built_instance.hpp"

using rsb::KiB;

TEST_CASE("when the pool is exhausted allocations give null and ENOMEM") {
  support::NothingLeft nothing_left;
  constexpr size_t size = 100 * KiB;
  void** last = nullptr;  // a list, through the blocks
  size_t bytes = 0;
  errno = 0;
  while (void** const block = static_cast<void**>(rsb_malloc(size))) {
    *block = last;
    last = block;
    bytes += size;
  }
  CHECK(errno == ENOMEM);
  CHECK(bytes >= 256 * KiB);
  CHECK(rsb_check() == nullptr);
  errno = 0;
  CHECK(rsb_calloc(size, 1) == nullptr);
  CHECK(errno == ENOMEM);
  while (last != nullptr) {
    void** const block = last;
    last = static_cast<void**>(*block);
    rsb_free(block);
  }
  errno = 0;
  void* const block = rsb_malloc(size);
  CHECK(block != nullptr);
  CHECK(errno == 0);
  rsb_free(block);
}
