// SPDX-License-Identifier: MIT OR Apache-2.0
#include "../../target/allocators/libc.c"

#include "reallocate.h"

void* pool_reallocate(void* block, size_t bytes) {
  return realloc(block, bytes);
}
