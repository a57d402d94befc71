// SPDX-License-Identifier: MIT OR Apache-2.0
// A header before the block that is not the program's.
#include <string.h>

#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(500));
  memset(block - 16, 0, 16);
  rsb_free(block);
}
