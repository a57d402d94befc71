// SPDX-License-Identifier: MIT OR Apache-2.0
// Its first bytes were written to meanwhile.
#include <string.h>

#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100));
  rsb_free(block);
  memset(block, 0, 16);
  rsb_free(block);
}
