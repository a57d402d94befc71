// SPDX-License-Identifier: MIT OR Apache-2.0
// Any call that is given the block finds it.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(500));
  block[-8] = 1;
  (void)!rsb_malloc_usable_size(block);
}
