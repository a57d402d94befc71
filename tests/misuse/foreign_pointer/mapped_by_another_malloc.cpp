// SPDX-License-Identifier: MIT OR Apache-2.0
// The block comes from the C library's malloc, which has mapped pages for it: close to this heap's.
#include <stdlib.h>

#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(24);
  rsb_free(malloc(64 << 20));
  rsb_free(block);
}
