// SPDX-License-Identifier: MIT OR Apache-2.0
// The generic timer's virtual count.
#include "clock.h"

void clock_start(void) {}

uint64_t clock_read(void) {
  uint64_t count;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count)::"memory");
  return count;
}

uint64_t clock_instructions(uint64_t from, uint64_t to) {
  uint64_t hertz;
  __asm__("mrs %0, cntfrq_el0" : "=r"(hertz));
  const uint64_t nanoseconds = (to - from) * 1000000000u / hertz;
  return (nanoseconds + NANOSECONDS_PER_INSTRUCTION / 2) / NANOSECONDS_PER_INSTRUCTION;
}
