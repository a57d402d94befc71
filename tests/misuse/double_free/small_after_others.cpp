// SPDX-License-Identifier: MIT OR Apache-2.0
// A small block is freed again after others of its span were freed in between.
#include "rsb/rsb.h"

int main() {
  void* blocks[100];
  for (void*& block : blocks) block = rsb_malloc(24);
  for (void* block : blocks) rsb_free(block);
  rsb_free(blocks[10]);
}
