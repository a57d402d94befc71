// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer from before realloc() is used.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100));
  char* const moved = static_cast<char*>(rsb_realloc(block, 1000));
  block[50] = 1;
  rsb_free(moved);
  rsb_trim();
}
