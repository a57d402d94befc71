// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of four bytes, after many others.
#include "rsb/rsb.h"

int main() {
  void* blocks[40];
  for (void*& block : blocks) block = rsb_allocate(4, 4);
  for (void* const block : blocks) rsb_free(block);
  rsb_free(blocks[0]);
}
