// SPDX-License-Identifier: MIT OR Apache-2.0
// The same region is handed to the heap twice.
#include "rsb/rsb.h"

alignas(4096) static char region[1 << 20];

int main() {
  if (rsb_add_region(region, sizeof region) == 0) return 1;
  return rsb_add_region(region + 65536, 65536) == 0;
}
