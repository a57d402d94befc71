// SPDX-License-Identifier: MIT OR Apache-2.0
// The page before a large block.
// Reported as: access before a block
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100000));
  *const_cast<volatile char*>(block - 20000) = 1;
}
