// SPDX-License-Identifier: MIT OR Apache-2.0
// A pointer into a block of whole pages is asked for the usable size.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100'000));
  return rsb_malloc_usable_size(block + rsb_page_size()) == 0;
}
