// SPDX-License-Identifier: MIT OR Apache-2.0
// A freed block is written to, and then allocated again.
#include <string.h>

#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(24);
  rsb_free(block);
  memset(block, 'x', 24);
  return rsb_malloc(24) == nullptr;
}
