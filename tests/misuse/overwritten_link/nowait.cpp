// SPDX-License-Identifier: MIT OR Apache-2.0
// A block that a signal handler freed is written to before it is taken over.
#include "rsb/rsb.h"

int main() {
  long* const block = static_cast<long*>(rsb_malloc(64));
  rsb_free_nowait(block);
  block[0]++;
  rsb_trim();
}
