// SPDX-License-Identifier: MIT OR Apache-2.0
// Live blocks hold every value that could be taken for what free leaves in a block: freeing them is
// no fault. (A false alarm would come once in so many blocks, in a program that has no bug.)
#include <string.h>

#include "rsb/rsb.h"

// The first four bytes of a block of `size` bytes take 2^17 values; the others stay what they were.
static void free_with_all_contents(size_t size) {
  for (unsigned i = 0; i < 1u << 17; i++) {
    void* const block = rsb_malloc(size);
    const unsigned value = i * 0x9e3779b1u;
    memcpy(block, &value, sizeof value);
    rsb_free(block);
  }
}

int main() {
  free_with_all_contents(4);
  free_with_all_contents(24);
  free_with_all_contents(200);
  return rsb_check() != nullptr;
}
