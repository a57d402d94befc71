// SPDX-License-Identifier: MIT OR Apache-2.0
// A small block is freed again after others were freed, handed out anew and freed.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(40);
  void* const other = rsb_malloc(40);
  rsb_free(block);
  rsb_free(other);
  void* const again = rsb_malloc(40);
  rsb_free(again);
  rsb_free(block);
}
