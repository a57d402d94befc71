// SPDX-License-Identifier: MIT OR Apache-2.0
// What an allocator looks like to the driver. One is linked with it, from the folder allocators.
#ifndef RSB_BENCH_TARGET_ALLOCATOR_H
#define RSB_BENCH_TARGET_ALLOCATOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// All memory there is: `bytes` at `pool`, which is aligned to 4 KiB. Called once, before the
// others.
void pool_init(void* pool, size_t bytes);

// malloc; null: there is no memory.
void* pool_allocate(size_t bytes);

// free; `bytes` is what was asked for, for those who want to know it.
void pool_release(void* block, size_t bytes);

// How many of the pool's bytes can never be part of a block, or SIZE_MAX: the allocator does not
// say. `bytes` is the whole pool.
size_t pool_metadata(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
