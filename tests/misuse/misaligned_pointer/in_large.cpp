// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer is the start of a block of whole pages plus two.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100'000));
  rsb_free(block + 2);
}
