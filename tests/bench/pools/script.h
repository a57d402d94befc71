// SPDX-License-Identifier: MIT OR Apache-2.0
// The text of the script that the program was made with.
#ifndef RSB_BENCH_POOLS_SCRIPT_H
#define RSB_BENCH_POOLS_SCRIPT_H

extern const char script[], script_end[];

#endif
