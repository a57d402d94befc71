// SPDX-License-Identifier: MIT OR Apache-2.0
// A block of whole pages is given to the page-only allocator.
#include "rsb/rsb.h"

int main() {
  rsb_page_free(rsb_malloc(100'000));
}
