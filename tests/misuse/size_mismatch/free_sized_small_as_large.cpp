// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_free_sized is told a size of whole pages for a small block.
#include "rsb/rsb.h"

int main() {
  rsb_free_sized(rsb_malloc(100), 100'000);
}
