// SPDX-License-Identifier: MIT OR Apache-2.0
// Which allocator did that?
#pragma once

#include <rsb/rsb.h>

// How many blocks of rsbmalloc are live.
static inline size_t live(void) {
  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks;
}

// Hides a pointer from the optimiser, which may otherwise drop an allocation that nobody uses.
static inline void* used(void* block) {
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}
