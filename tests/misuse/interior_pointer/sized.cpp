// SPDX-License-Identifier: MIT OR Apache-2.0
// A pointer into a block is released with the block's size.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(96));
  rsb_free_sized(block + 32, 96);
}
