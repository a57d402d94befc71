// SPDX-License-Identifier: MIT OR Apache-2.0
// A freed block of four bytes is written to, and then allocated again.
#include "rsb/rsb.h"

int main() {
  int* const block = static_cast<int*>(rsb_allocate(4, 4));
  rsb_deallocate(block, 4, 4);
  *block = 7;
  return rsb_allocate(4, 4) == nullptr;
}
