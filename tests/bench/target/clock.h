// SPDX-License-Identifier: MIT OR Apache-2.0
// Instructions, counted by a timer of the board: QEMU with -icount shift=10 lets 1,024 ns pass with
// each instruction, and nothing else. One board's is linked, from the folder clocks.
#ifndef RSB_BENCH_TARGET_CLOCK_H
#define RSB_BENCH_TARGET_CLOCK_H

#include <stdint.h>

#define NANOSECONDS_PER_INSTRUCTION 1024

// Once, before the others.
void clock_start(void);

// In ticks of the board's.
uint64_t clock_read(void);

// Instructions between two readings, no more than some ten million.
uint64_t clock_instructions(uint64_t from, uint64_t to);

#endif
