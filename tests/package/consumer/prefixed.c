// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::malloc: the prefixed names, beside the C library's own.
#include <stdlib.h>

#include "live.h"

int main(void) {
  void* const block = used(malloc(100));
  if (live() != 0) return 1;
  free(block);

  void* const ours = used(rsb_malloc(100));
  if (live() != 1) return 2;
  rsb_free(ours);
  return live() == 0 ? 0 : 3;
}
