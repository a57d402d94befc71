// SPDX-License-Identifier: MIT OR Apache-2.0
#include "../../target/allocators/small_heap.cpp"

#include "reallocate.h"

void* pool_reallocate(void* block, size_t bytes) {
  return heap.reallocate(block, bytes);
}
