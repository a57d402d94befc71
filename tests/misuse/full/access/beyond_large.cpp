// SPDX-License-Identifier: MIT OR Apache-2.0
// The first page behind a large block.
// Reported as: access behind a block
#include <string.h>

#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100000));
  memset(block, 1, 100000);
  *const_cast<volatile char*>(block + 100016) = 1;
}
