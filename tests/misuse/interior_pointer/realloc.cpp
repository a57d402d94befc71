// SPDX-License-Identifier: MIT OR Apache-2.0
// A pointer into a block is resized.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(1000));
  return rsb_realloc(block + 500, 2000) == nullptr;
}
