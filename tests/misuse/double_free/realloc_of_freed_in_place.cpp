// SPDX-License-Identifier: MIT OR Apache-2.0
// A freed block is resized to a size of the same class, for which nothing would have to be done.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(100);
  rsb_free(block);
  return rsb_realloc(block, 101) == nullptr;
}
