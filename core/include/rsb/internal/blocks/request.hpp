// SPDX-License-Identifier: MIT OR Apache-2.0
// What a request for memory may say besides its size and alignment, and who is asked when it cannot
// be met. For all heaps.
//
// Room blocks: for the rooms pages, bins, caches and small, and for the heaps above them.
#pragma once

#include "rsb/internal/machine/bits.hpp"

namespace rsb {

enum class Fill : uint8_t { none, zero };

// What an address points into. `block` null: nothing that was ever a block, so far as the heap
// knows; not live: a free slot, or free memory, of which a block was some part.
struct BlockPlace {
  char* block = nullptr;
  size_t bytes = 0;
  bool is_live = false;
  size_t slot_bytes = 0;      // of the slot that it lies in; 0: in none
  const char* run = nullptr;  // the pages: a span's, a large block's, those of a run; null: none
  size_t run_bytes = 0;
};

// Whether an allocation that cannot be met asks the out-of-memory handler and counts as a failure.
enum class Insist : uint8_t { no, yes };

// Called without a lock when a request of `bytes` cannot be met. True: memory was freed, try again.
using OutOfMemoryHandler = int (*)(size_t bytes);

}  // namespace rsb
