// SPDX-License-Identifier: MIT OR Apache-2.0
// A write beyond the end of a block reaches its freed neighbour, which is then allocated again.
#include <string.h>

#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(32));
  rsb_free(rsb_malloc(32));
  char* volatile const start = block;
  memset(start, 'x', 36);
  return rsb_malloc(32) == nullptr;
}
