// SPDX-License-Identifier: MIT OR Apache-2.0
// The first bytes of a freed block of whole pages.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100000));
  rsb_free(block);
  block[8] = 1;
  rsb_trim();
}
