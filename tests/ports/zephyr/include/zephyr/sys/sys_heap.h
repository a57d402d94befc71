// SPDX-License-Identifier: MIT OR Apache-2.0
// See kernel.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <zephyr/sys/mem_stats.h>

#ifdef __cplusplus
extern "C" {
#endif

struct z_heap;

struct sys_heap {
  struct z_heap* heap;
  void* init_mem;
  size_t init_bytes;
};

void sys_heap_init(struct sys_heap* heap, void* mem, size_t bytes);
void* sys_heap_alloc(struct sys_heap* heap, size_t bytes);
void* sys_heap_aligned_alloc(struct sys_heap* heap, size_t align, size_t bytes);
void* sys_heap_noalign_alloc(struct sys_heap* heap, size_t align, size_t bytes);
void sys_heap_free(struct sys_heap* heap, void* mem);
void* sys_heap_aligned_realloc(struct sys_heap* heap, void* ptr, size_t align, size_t bytes);
void* sys_heap_realloc(struct sys_heap* heap, void* ptr, size_t bytes);
size_t sys_heap_usable_size(struct sys_heap* heap, void* mem);
bool sys_heap_validate(struct sys_heap* heap);
void sys_heap_print_info(struct sys_heap* heap, bool dump_chunks);
int sys_heap_runtime_stats_get(struct sys_heap* heap, struct sys_memory_stats* stats);
int sys_heap_runtime_stats_reset_max(struct sys_heap* heap);
int sys_heap_array_save(struct sys_heap* heap);

#ifdef __cplusplus
}
#endif
