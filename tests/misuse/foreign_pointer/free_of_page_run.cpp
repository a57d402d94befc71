// SPDX-License-Identifier: MIT OR Apache-2.0
// A run of the page-only allocator is given to free.
#include "rsb/rsb.h"

int main() {
  rsb_free(rsb_page_allocate(1, 0));
}
