// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef NUTTX_MM_MM_H
#define NUTTX_MM_MM_H

#include <nuttx/config.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#if CONFIG_MM_HEAP_MEMPOOL_THRESHOLD >= 0
#define CONFIG_MM_HEAP_MEMPOOL
#endif
#define MM_ALIGN CONFIG_MM_DEFAULT_ALIGNMENT
#define MM_INIT_MAGIC 0xcc
#define MM_ALLOC_MAGIC 0xaa
#define MM_FREE_MAGIC 0x55

/* In NuttX of malloc.h, which here is the C library's. */
#define PID_MM_FREE ((pid_t)-4)
#define PID_MM_ALLOC ((pid_t)-3)
struct mallinfo {
  int arena;
  int ordblks;
  int aordblks;
  int mxordblk;
  int uordblks;
  int fordblks;
  int usmblks;
};
struct malltask {
  pid_t pid;
};
struct mallinfo_task {
  int aordblks;
  int uordblks;
};
#define mm_memdump_s malltask

struct mm_heap_s;
struct mm_heap_config_s {
  struct mm_heap_s* heap;
  const char* name;
  void* start;
  size_t size;
  bool nokasan;
};
struct mempool_init_s;

#ifdef __cplusplus
extern "C" {
#endif

extern struct mm_heap_s* g_mmheap;
#define MM_INTERNAL_HEAP(heap) ((heap) == g_mmheap)

struct mm_heap_s* mm_initialize_heap(const struct mm_heap_config_s* config);
#ifdef CONFIG_MM_HEAP_MEMPOOL
struct mm_heap_s* mm_initialize_pool(const struct mm_heap_config_s* config,
                                     const struct mempool_init_s* init);
#else
#define mm_initialize_pool(config, init) mm_initialize_heap(config)
#endif
void mm_addregion(struct mm_heap_s* heap, void* heapstart, size_t heapsize);
void mm_uninitialize(struct mm_heap_s* heap);
void* mm_malloc(struct mm_heap_s* heap, size_t size);
size_t mm_malloc_size(struct mm_heap_s* heap, void* mem);
void mm_free(struct mm_heap_s* heap, void* mem);
void* mm_realloc(struct mm_heap_s* heap, void* oldmem, size_t size);
void* mm_calloc(struct mm_heap_s* heap, size_t n, size_t elem_size);
void* mm_zalloc(struct mm_heap_s* heap, size_t size);
void* mm_memalign(struct mm_heap_s* heap, size_t alignment, size_t size);
bool mm_heapmember(struct mm_heap_s* heap, void* mem);
void* mm_brkaddr(struct mm_heap_s* heap, int region);
void mm_extend(struct mm_heap_s* heap, void* mem, size_t size, int region);
struct mallinfo mm_mallinfo(struct mm_heap_s* heap);
struct mallinfo_task mm_mallinfo_task(struct mm_heap_s* heap, const struct malltask* task);
size_t mm_heapfree(struct mm_heap_s* heap);
size_t mm_heapfree_largest(struct mm_heap_s* heap);
void mm_memdump(struct mm_heap_s* heap, const struct mm_memdump_s* dump);
#ifdef CONFIG_DEBUG_MM
void mm_checkcorruption(struct mm_heap_s* heap);
#else
#define mm_checkcorruption(heap) ((void)(heap))
#endif

#ifdef __cplusplus
}
#endif

#endif
