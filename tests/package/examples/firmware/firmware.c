// SPDX-License-Identifier: MIT OR Apache-2.0
#include <rsb/rsb.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  char* block = malloc(1000); /* rsbmalloc's, since rsb::libc is linked */
  if (block == NULL) return 1;

  rsb_stats stats;
  rsb_get_stats(&stats);
  printf("%zu live blocks, %zu of %zu bytes used\n", stats.live_blocks, stats.used_bytes,
         stats.acquired_bytes);

  free(block);
  return 0;
}
