// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_free_sized is told the size before realloc.
#include "rsb/rsb.h"

int main() {
  rsb_free_sized(rsb_realloc(rsb_malloc(100), 1000), 100);
}
