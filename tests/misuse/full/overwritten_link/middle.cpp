// SPDX-License-Identifier: MIT OR Apache-2.0
// The middle of a freed block is written to.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(200));
  rsb_free(block);
  block[100] = 1;
  for (int i = 0; i < 100000; i++) rsb_free(rsb_malloc(200));
}
