// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of no bytes is written to.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(0));
  block[0] = 1;
  rsb_free(block);
}
