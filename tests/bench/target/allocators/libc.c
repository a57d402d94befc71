// SPDX-License-Identifier: MIT OR Apache-2.0
// The C library's malloc. Its memory comes by sbrk (newlib: _sbrk), which ends where the pool ends.
#include <stdint.h>
#include <stdlib.h>

#include "allocator.h"

static char* begin;
static char* next;
static char* end;

void pool_init(void* pool, size_t bytes) {
  begin = pool;
  next = begin;
  end = begin + bytes;
}

void* sbrk(ptrdiff_t bytes) {
  if (bytes > end - next || bytes < begin - next) return (void*)-1;
  char* const old = next;
  next += bytes;
  return old;
}

void* _sbrk(ptrdiff_t bytes) {
  return sbrk(bytes);
}

void* pool_allocate(size_t bytes) {
  return malloc(bytes);
}

void pool_release(void* block, size_t bytes) {
  (void)bytes;
  free(block);
}

size_t pool_metadata(size_t bytes) {
  (void)bytes;
  return SIZE_MAX;
}
