// SPDX-License-Identifier: MIT OR Apache-2.0
// What a heap says of an address when it is asked, as rsb_describe() does.
//
// Room blocks: for the rooms pages, bins, caches and small, and for the heaps above them.
#pragma once

#include "rsb/internal/blocks/request.hpp"
#include "rsb/rsb.h"

namespace rsb {

using Description = rsb_description;

// Of a block that begins there, of `size` bytes.
inline void describe_block(Description& description, const void* block, size_t size,
                           const void* address) noexcept {
  description.block = block;
  description.size = size;
  description.offset = static_cast<ptrdiff_t>(bytes_from(block, address));
}

// Where blocks lie side by side, what is free was one or several of them: nobody knows.
inline Description description_of(const BlockPlace& place, const void* address) noexcept {
  Description description{};
  description.slot_bytes = place.slot_bytes;
  description.run = place.run;
  description.run_bytes = place.run_bytes;
  if (place.block == nullptr) return description;
  description.state = place.is_live ? RSB_BLOCK_LIVE : RSB_BLOCK_FREE;
  if (place.is_live || place.slot_bytes != 0) {
    describe_block(description, place.block, place.bytes, address);
  }
  return description;
}

}  // namespace rsb
