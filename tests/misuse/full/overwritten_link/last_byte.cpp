// SPDX-License-Identifier: MIT OR Apache-2.0
// The last byte of a freed block is written to.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(200));
  rsb_free(block);
  block[199] = 1;
  rsb_trim();
}
