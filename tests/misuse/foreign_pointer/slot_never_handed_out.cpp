// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer is where a later block of the span would start.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(64));
  rsb_free(block + 10 * 64);
}
