// SPDX-License-Identifier: MIT OR Apache-2.0
// What realloc() has taken away is still written to.
#include "rsb/rsb.h"

int main() {
  char* block = static_cast<char*>(rsb_malloc(100));
  block = static_cast<char*>(rsb_realloc(block, 90));
  block[95] = 1;
  rsb_free(block);
}
