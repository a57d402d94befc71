// SPDX-License-Identifier: MIT OR Apache-2.0
// What programs call beside the functions of ../target/allocator.h.
#ifndef RSB_BENCH_POOLS_REALLOCATE_H
#define RSB_BENCH_POOLS_REALLOCATE_H

#include "allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

// realloc, of a block and more than no bytes.
void* pool_reallocate(void* block, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
