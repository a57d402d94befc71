// SPDX-License-Identifier: MIT OR Apache-2.0
// A signal handler frees a pointer into a block.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(64));
  rsb_free_nowait(block + 16);
}
