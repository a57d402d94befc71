// SPDX-License-Identifier: MIT OR Apache-2.0
// The second free comes when all blocks of the span are free and its pages are no span any more.
#include "rsb/rsb.h"

int main() {
  void* blocks[1000];
  for (void*& block : blocks) block = rsb_malloc(1024);
  for (void* block : blocks) rsb_free(block);
  rsb_free(blocks[0]);
}
