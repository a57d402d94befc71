// SPDX-License-Identifier: MIT OR Apache-2.0
// A read of a large block that was freed.
// Reported as: access to a block that was freed
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100000));
  rsb_free(block);
  return const_cast<volatile char*>(block)[70000];
}
