// SPDX-License-Identifier: MIT OR Apache-2.0
// A freed block is asked for its size.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(100);
  rsb_free(block);
  return rsb_malloc_usable_size(block) == 0;
}
