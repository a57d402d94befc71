// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_free_sized is told a size with another number of pages.
#include "rsb/rsb.h"

int main() {
  rsb_free_sized(rsb_malloc(100'000), 200'000);
}
