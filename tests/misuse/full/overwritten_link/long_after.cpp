// SPDX-License-Identifier: MIT OR Apache-2.0
// Long after it was freed, when the queue has let it go.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(200));
  (void)!rsb_malloc(200);
  rsb_free(block);
  rsb_trim();
  block[100] = 1;
  for (int i = 0; i < 1000; i++) (void)!rsb_malloc(200);
}
