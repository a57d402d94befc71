// SPDX-License-Identifier: MIT OR Apache-2.0
// For tests of the built instance over memory handed over by address: who takes all of it, in
// blocks of one size, sees which pools it has.
#pragma once

#include "rsb/internal/machine/bits.hpp"
#include "rsb/rsb.h"
#include "support/test.hpp"

namespace support {

inline bool lies_in(const void* p, const char* pool, size_t bytes) {
  return rsb::bytes_from(pool, p) < bytes;
}

inline void* blocks[64];
inline size_t count = 0;

// Takes blocks until there are none; how many of them lie in the pool.
template <size_t block_bytes>
size_t take_all(const char* pool, size_t bytes) {
  size_t inside = 0;
  while (count < 64 && (blocks[count] = rsb_malloc(block_bytes)) != nullptr) {
    fill(blocks[count], block_bytes, 0xff);
    inside += lies_in(blocks[count], pool, bytes);
    count++;
  }
  return inside;
}

inline void release_all() {
  while (count != 0) rsb_free(blocks[--count]);
}

}  // namespace support
