// SPDX-License-Identifier: MIT OR Apache-2.0
// The program whose code and data are measured: no more than an allocator needs to be linked.
#include "allocator.h"

char bench_pool[16];

void bench_start(void) {
  pool_init(bench_pool, sizeof bench_pool);
  pool_release(pool_allocate(8), 8);
  for (;;) {
  }
}
