// SPDX-License-Identifier: MIT OR Apache-2.0
// A freed block is resized.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(100);
  rsb_free(block);
  return rsb_realloc(block, 200) == nullptr;
}
