// SPDX-License-Identifier: MIT OR Apache-2.0
// A block too large to wait in a queue, or to lie in a cache, is freed twice.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(3'000'000);
  rsb_free(block);
  rsb_free(block);
}
