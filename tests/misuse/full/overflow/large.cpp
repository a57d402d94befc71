// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of whole pages, whose end is at no border of its own.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(40001));
  block[40001] = 1;
  rsb_free(block);
}
