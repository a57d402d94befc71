// SPDX-License-Identifier: MIT OR Apache-2.0
#include <rsb/rsb.h>
#include <stdio.h>

int main(void) {
  int* numbers = rsb_calloc(1000, sizeof *numbers);
  if (numbers == NULL) return 1;

  rsb_stats stats;
  rsb_get_stats(&stats);
  printf("%zu live blocks, %zu bytes\n", stats.live_blocks, stats.live_bytes);

  rsb_free(numbers);
  return rsb_check() == NULL ? 0 : 1;
}
