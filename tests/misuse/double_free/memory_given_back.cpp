// SPDX-License-Identifier: MIT OR Apache-2.0
// The second free comes when the pages of the block have gone back to the system.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(100 << 20);
  rsb_free(block);
  rsb_trim();
  rsb_free(block);
}
