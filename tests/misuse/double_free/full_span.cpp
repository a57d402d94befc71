// SPDX-License-Identifier: MIT OR Apache-2.0
// The span of the block was full when the block was freed first.
#include "rsb/rsb.h"

int main() {
  void* blocks[1000];
  for (void*& block : blocks) block = rsb_malloc(1024);
  rsb_free(blocks[0]);
  rsb_free(blocks[0]);
}
