// SPDX-License-Identifier: MIT OR Apache-2.0
// One bit of a freed block is changed, and the block allocated again.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(24));
  rsb_free(block);
  block[1] ^= 1;
  return rsb_malloc(24) == nullptr;
}
