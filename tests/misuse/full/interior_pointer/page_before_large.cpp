// SPDX-License-Identifier: MIT OR Apache-2.0
// What is freed points into the page that nobody can touch before a large block.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(100'000));
  rsb_free(block - rsb_page_size());
}
