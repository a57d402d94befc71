// SPDX-License-Identifier: MIT OR Apache-2.0
// minstret. QEMU makes it of its virtual time, so that here too an instruction is 1,024.
#include "clock.h"

void clock_start(void) {}

uint64_t clock_read(void) {
  uint64_t count;
  __asm__ volatile("csrr %0, minstret" : "=r"(count)::"memory");
  return count;
}

uint64_t clock_instructions(uint64_t from, uint64_t to) {
  return (to - from + NANOSECONDS_PER_INSTRUCTION / 2) / NANOSECONDS_PER_INSTRUCTION;
}
