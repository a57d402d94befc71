// SPDX-License-Identifier: MIT OR Apache-2.0
// A freed block is zeroed, and then allocated again.
#include <string.h>

#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(200);
  rsb_free(block);
  memset(block, 0, 200);
  return rsb_calloc(1, 200) == nullptr;
}
