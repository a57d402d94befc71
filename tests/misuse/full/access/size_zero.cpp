// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of no bytes is read.
// Reported as: access behind a block
#include "rsb/rsb.h"

int main() {
  const char* const block = static_cast<char*>(rsb_malloc(0));
  return *const_cast<const volatile char*>(block);
}
