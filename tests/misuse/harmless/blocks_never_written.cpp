// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks are freed that were never written to, so they hold what an earlier life of their memory
// left in them: that is no fault either.
#include "rsb/rsb.h"

int main() {
  for (int i = 0; i < 200'000; i++) {
    void* blocks[8];
    for (void*& block : blocks) block = rsb_malloc(8192);
    for (void* block : blocks) rsb_free(block);
  }
  return rsb_check() != nullptr;
}
