// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of the four-byte class is freed twice in a row.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_allocate(4, 4);
  rsb_deallocate(block, 4, 4);
  rsb_deallocate(block, 4, 4);
}
