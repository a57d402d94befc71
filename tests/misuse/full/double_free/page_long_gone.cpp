// SPDX-License-Identifier: MIT OR Apache-2.0
// The second free comes when the block's pages are the middle of a longer free run, and nobody has
// used them since.
#include "rsb/rsb.h"

int main() {
  static void* blocks[5'000];
  for (void*& block : blocks) block = rsb_malloc(1024);
  for (void* block : blocks) rsb_free(block);
  rsb_free(blocks[2'507]);
}
