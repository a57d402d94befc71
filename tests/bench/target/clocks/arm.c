// SPDX-License-Identifier: MIT OR Apache-2.0
// The CMSDK timer 0 of the MPS2 boards. It counts down at 25 MHz, 40 ns a tick: 25.6 ticks an
// instruction.
#include "clock.h"

#define NANOSECONDS_PER_TICK 40

#define CTRL (*(volatile uint32_t*)0x40000000u)
#define VALUE (*(volatile uint32_t*)0x40000004u)
#define RELOAD (*(volatile uint32_t*)0x40000008u)

void clock_start(void) {
  RELOAD = 0xffffffffu;
  VALUE = 0xffffffffu;
  CTRL = 1;
}

uint64_t clock_read(void) {
  return VALUE;
}

uint64_t clock_instructions(uint64_t from, uint64_t to) {
  const uint64_t ticks = (uint32_t)((uint32_t)from - (uint32_t)to);
  return (ticks * NANOSECONDS_PER_TICK + NANOSECONDS_PER_INSTRUCTION / 2) /
         NANOSECONDS_PER_INSTRUCTION;
}
