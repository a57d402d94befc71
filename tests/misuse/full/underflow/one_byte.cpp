// SPDX-License-Identifier: MIT OR Apache-2.0
// One byte before the block is written to.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(24));
  block[-1] = 1;
  rsb_free(block);
}
