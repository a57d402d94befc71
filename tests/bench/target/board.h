// SPDX-License-Identifier: MIT OR Apache-2.0
// The memory of the board, as picolibc's start-up code leaves it.
#ifndef RSB_BENCH_TARGET_BOARD_H
#define RSB_BENCH_TARGET_BOARD_H

#include <stddef.h>

// The pool: 4 KiB-aligned, the same at each call. Ends the program if there is too little memory.
void* board_pool(size_t bytes);

// Makes all static variables, the allocator's too, what they were when the program began. The
// pool's contents stay.
void board_restart(void);

#endif
