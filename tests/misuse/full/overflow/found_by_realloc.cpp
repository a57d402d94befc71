// SPDX-License-Identifier: MIT OR Apache-2.0
// A block that is to grow was written beyond.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100));
  block[100] = 1;
  (void)!rsb_realloc(block, 1000);
}
