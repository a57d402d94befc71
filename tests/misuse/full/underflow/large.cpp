// SPDX-License-Identifier: MIT OR Apache-2.0
// An index of -1, in a block that begins in the page behind one that cannot be touched.
#include "rsb/rsb.h"

int main() {
  int* const numbers = static_cast<int*>(rsb_malloc(25'000 * sizeof(int)));
  numbers[-1] = 7;
  rsb_free(numbers);
}
