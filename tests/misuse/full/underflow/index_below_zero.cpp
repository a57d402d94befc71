// SPDX-License-Identifier: MIT OR Apache-2.0
// An index of -1.
#include "rsb/rsb.h"

int main() {
  int* const block = static_cast<int*>(rsb_malloc(100));
  block[-1] = 7;
  rsb_free(block);
}
