// SPDX-License-Identifier: MIT OR Apache-2.0
// A run of the page-only allocator is freed twice.
#include "rsb/rsb.h"

int main() {
  void* const run = rsb_page_allocate(3, 0);
  rsb_page_free(run);
  rsb_page_free(run);
}
