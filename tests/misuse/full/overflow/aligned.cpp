// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of large alignment.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_aligned_alloc(256, 300));
  block[300] = 1;
  rsb_free(block);
}
