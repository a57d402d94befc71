// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of the four-byte class is freed again after a few others.
#include "rsb/rsb.h"

int main() {
  void* blocks[12];
  for (void*& block : blocks) block = rsb_allocate(4, 4);
  for (void* block : blocks) rsb_free(block);
  rsb_free(blocks[0]);
}
