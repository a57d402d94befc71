// SPDX-License-Identifier: MIT OR Apache-2.0
// See arch/interrupts.h.
#pragma once

#include <stddef.h>

extern "C" {
void* malloc(size_t);
void* memalign(size_t boundary, size_t);
void* calloc(size_t, size_t);
void* realloc(void*, size_t);
void free(void*);
void heap_init(void);
void heap_delayed_free(void*);
void heap_trim(void);
}
