// SPDX-License-Identifier: MIT OR Apache-2.0
// A live block holds by chance what a freed one would hold: freeing it is no fault.
#include <string.h>

#include "rsb/rsb.h"

int main() {
  void* const other = rsb_malloc(24);
  void* const block = rsb_malloc(24);
  rsb_free(other);
  char copy[24];
  memcpy(copy, other, sizeof copy);  // what free leaves in a block
  memcpy(block, copy, sizeof copy);
  rsb_free(block);
  return rsb_check() != nullptr;
}
