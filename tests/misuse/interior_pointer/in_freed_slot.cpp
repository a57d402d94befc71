// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer leads into a small block that is free.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(64));
  rsb_free(block);
  rsb_free(block + 16);
}
