// SPDX-License-Identifier: MIT OR Apache-2.0
#include <rsb/rsb.h>

static char pool[1 << 20];

int main(void) {
  if (rsb_malloc(100) != NULL) return 1; /* nothing there yet */
  if (rsb_add_region(pool, sizeof pool) < sizeof pool / 2) return 1;
  char* block = rsb_malloc(100);
  return block > pool && block < pool + sizeof pool ? 0 : 1;
}
