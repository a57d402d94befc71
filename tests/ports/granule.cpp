// SPDX-License-Identifier: MIT OR Apache-2.0
// Which granule the MMU works with, on every core. Usage: granule <KiB expected>.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/parallel.hpp"

namespace {

// 0: the MMU is off.
int granule_in_use() {
  uint64_t system_control, translation_control;
  asm volatile("mrs %0, sctlr_el1" : "=r"(system_control));
  asm volatile("mrs %0, tcr_el1" : "=r"(translation_control));
  if ((system_control & 1) == 0) return 0;
  const int by_tg0[] = {4, 64, 16, 0};
  return by_tg0[translation_control >> 14 & 3];
}

}  // namespace

int main(int argc, char** argv) {
  // The last argument: picolibc puts a name of its own before the program's.
  const int expected = atoi(argv[argc - 1]);
  int granules[4] = {};
  support::parallel(4, [&](unsigned me) { granules[me] = granule_in_use(); });
  int status = 0;
  for (const int granule : granules) {
    printf("%d KiB\n", granule);
    if (granule != expected) status = 1;
  }
  return status;
}
