// SPDX-License-Identifier: MIT OR Apache-2.0
// What malloc.c, compiled with U-Boot's headers, and heap.cpp, compiled with rsbmalloc's, have of
// each other.
#ifndef RSB_UBOOT_HEAP_H
#define RSB_UBOOT_HEAP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- heap.cpp ----

// Hands over memory, at any time. Returns how many bytes blocks can be had from; 0: it is too
// little.
size_t rsb_uboot_add_memory(void* base, size_t bytes);

// Null: there is no memory, or none was handed over yet. Aligned to 16 bytes (8 on 32-bit
// machines), from that size on.
void* rsb_uboot_allocate(size_t bytes);
// The alignment is a power of two, or null is returned.
void* rsb_uboot_allocate_aligned(size_t alignment, size_t bytes);
// All bytes that may be used are zero.
void* rsb_uboot_allocate_zeroed(size_t bytes);
// The block is live. Null: there is no memory, and it is as it was.
void* rsb_uboot_reallocate(void* block, size_t bytes);
void rsb_uboot_deallocate(void* block);
size_t rsb_uboot_usable_size(const void* block);

struct rsb_uboot_memory {
  size_t all_bytes;   // of what blocks can be had from
  size_t free_bytes;  // of them
  size_t free_pieces;
};
// Looks at all blocks.
struct rsb_uboot_memory rsb_uboot_memory(void);

// ---- malloc.c ----

// What the heap has caught, in words, and the block's address. Does not return.
__attribute__((noreturn)) void rsb_uboot_panic(const char* fault, const void* address);

#ifdef __cplusplus
}
#endif

#endif
