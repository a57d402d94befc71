// SPDX-License-Identifier: MIT OR Apache-2.0
// What a program is to the driver. One is linked with it, from the folder programs.
#ifndef RSB_BENCH_POOLS_PROGRAM_H
#define RSB_BENCH_POOLS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

enum outcome { DONE, OUT_OF_MEMORY, WRONG };

// Runs it from its beginning. What it does depends on the seed, not on where its blocks lie.
// *digest, 0 before: a number made of its results.
enum outcome program_run(uint32_t seed, uint32_t* digest);

// ---- For programs: the allocator under test ----

// Null: there is no memory, and the program ends in OUT_OF_MEMORY if it cannot go on. For 0 bytes,
// may be null.
void* program_reallocate(void* block, size_t bytes);

// malloc, calloc, realloc and free, where a request that is not met ends the program at once.
void* demand(size_t bytes);
void* demand_zeroed(size_t count, size_t bytes);
void* demand_again(void* block, size_t bytes);
void give_back(void* block);

// ---- For programs: numbers that depend on the seed alone ----

// Those of random_below() begin anew.
void random_begin(uint32_t seed);

// 0 to most - 1.
uint32_t random_below(uint32_t most);

uint32_t digest_of(uint32_t digest, const void* bytes, size_t count);

#endif
