// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer is the second page of a run.
#include "rsb/rsb.h"

int main() {
  char* const run = static_cast<char*>(rsb_page_allocate(3, 0));
  rsb_page_free(run + rsb_page_size());
}
