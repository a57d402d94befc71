// SPDX-License-Identifier: MIT OR Apache-2.0
// Index -1, to which zero is stored.
#include "rsb/rsb.h"

int main() {
  int* const block = static_cast<int*>(rsb_calloc(10, sizeof(int)));
  int* const end = block + 10;
  for (int* p = end; p-- != block - 1;) *p = 0;
  rsb_free(block);
}
