// SPDX-License-Identifier: MIT OR Apache-2.0
// A loop goes one element too far.
#include "rsb/rsb.h"

int main() {
  int* const block = static_cast<int*>(rsb_calloc(100, sizeof(int)));
  for (int i = 0; i <= 100; i++) block[i] = -1;
  rsb_free(block);
}
