// SPDX-License-Identifier: MIT OR Apache-2.0
// What lies just behind is left alone, but not what comes next.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(40));
  block[47] = 1;
  rsb_free(block);
}
