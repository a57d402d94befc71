// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer is the start of a four-byte block plus one.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_allocate(4, 4));
  rsb_deallocate(block + 1, 4, 4);
}
