// SPDX-License-Identifier: MIT OR Apache-2.0
// A block is freed as by a signal handler, and then once more; seen when the first is taken over.
#include "rsb/rsb.h"

int main() {
  void* const other = rsb_malloc(24);
  void* const block = rsb_malloc(24);
  rsb_free_nowait(block);
  rsb_free(block);
  rsb_trim();
  rsb_free(other);
}
