// SPDX-License-Identifier: MIT OR Apache-2.0
// A block is freed twice in a row, as by a signal handler.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(24);
  rsb_free_nowait(block);
  rsb_free_nowait(block);
}
