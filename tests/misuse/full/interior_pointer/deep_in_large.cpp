// SPDX-License-Identifier: MIT OR Apache-2.0
// What is freed points to a boundary of pages within a large block that was freed before.
#include "rsb/rsb.h"

int main() {
  char* const block = static_cast<char*>(rsb_malloc(200'000));
  rsb_free(block);
  const size_t page = rsb_page_size();
  char* const start = block - reinterpret_cast<uintptr_t>(block) % page - page;
  rsb_free(start + 4 * page);
}
