// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer leads into a later page of a block of whole pages.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100'000));
  rsb_free(block + 2 * rsb_page_size());
}
