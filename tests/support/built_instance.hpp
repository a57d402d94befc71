// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance as its users see it.
#pragma once

#include "rsb/rsb.h"
#include "support/test.hpp"

namespace support {

inline rsb_stats stats() {
  rsb_stats s;
  rsb_get_stats(&s);
  return s;
}

// Whether it is a small heap, which has no pages.
inline bool is_small() {
  return rsb_page_size() == 0;
}

// What blocks of 16 bytes and more are aligned to.
inline size_t malloc_alignment() {
  return is_small() ? 2 * sizeof(void*) : 16;
}

// At its end all that was taken during its life has come back, and nothing is wrong with the heap.
struct NothingLeft {
  ~NothingLeft() {
    const char* const sentence = rsb_check();
    if (sentence != nullptr) FAIL_CHECK(doctest::String(sentence));
    const rsb_stats after = stats();
    CHECK(after.live_blocks == before.live_blocks);
    CHECK(after.live_bytes == before.live_bytes);
  }
  const rsb_stats before = stats();
};

}  // namespace support
