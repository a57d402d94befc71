// SPDX-License-Identifier: MIT OR Apache-2.0
// A write to a block of 256 KiB that was freed.
// Reported as: access to a block that was freed
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(256 * 1024));
  rsb_free(block);
  const_cast<volatile char*>(block)[64 * 1024 + 1] = 1;
}
