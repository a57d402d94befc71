// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of whole pages is freed twice.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(100'000);
  rsb_free(block);
  rsb_free(block);
}
