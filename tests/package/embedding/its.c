// SPDX-License-Identifier: MIT OR Apache-2.0
#include "../consumer/live.h"

// How many blocks are live while there is one.
size_t its_blocks(void);

size_t its_blocks(void) {
  void* const block = used(rsb_malloc(100));
  const size_t blocks = live();
  rsb_free(block);
  return blocks;
}
