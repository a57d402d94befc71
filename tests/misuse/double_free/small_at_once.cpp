// SPDX-License-Identifier: MIT OR Apache-2.0
// A small block is freed twice in a row.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(24);
  rsb_free(block);
  rsb_free(block);
}
