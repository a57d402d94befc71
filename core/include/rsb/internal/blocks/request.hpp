// SPDX-License-Identifier: MIT OR Apache-2.0
// What a request for memory may say besides its size and alignment, and who is asked when it cannot
// be met. For all heaps.
//
// Room blocks: for the rooms pages, bins, caches and small, and for the heaps above them.
#pragma once

#include "rsb/internal/machine/bits.hpp"

namespace rsb {

enum class Fill : uint8_t { none, zero };

// Whether an allocation that cannot be met asks the out-of-memory handler and counts as a failure.
enum class Insist : uint8_t { no, yes };

// Called without a lock when a request of `bytes` cannot be met. True: memory was freed, try again.
using OutOfMemoryHandler = int (*)(size_t bytes);

}  // namespace rsb
