// SPDX-License-Identifier: MIT OR Apache-2.0
// A block is released twice with its size.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(200);
  rsb_free_sized(block, 200);
  rsb_free_sized(block, 200);
}
