// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks of any size up to a page, for xv6's kernel. Null: there is no memory.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

void heap_begin(void);  // first of all, on one hart
void heap_start(void);  // kalloc() works from now on

// From threads, also with spinlocks held, but for those that kalloc() or a tick takes.
void* heap_alloc(unsigned long bytes);
void heap_free(void* block);  // null does nothing

// From interrupt handlers, too. Never wait, nor call kalloc().
void* heap_alloc_nowait(unsigned long bytes);
void heap_free_nowait(void* block);

// What is wrong inside the heap, or null; and the bytes that are in use.
const char* heap_check(unsigned long* live_bytes);

#ifdef __cplusplus
}
#endif
