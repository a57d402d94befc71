// SPDX-License-Identifier: MIT OR Apache-2.0
// U-Boot's malloc.h over the heap of heap.cpp, in place of common/dlmalloc.c.
//
// Until board_init_r() all memory comes from the pool of common/malloc_simple.c, as it does with
// dlmalloc: the heap's own variables cannot be written then.
#include <common.h>

#include <asm/global_data.h>
#include <log.h>
#include <malloc.h>
#include <vsprintf.h>

#include "heap.h"

DECLARE_GLOBAL_DATA_PTR;

ulong mem_malloc_start;
ulong mem_malloc_end;
ulong mem_malloc_brk;

void mem_malloc_init(ulong start, ulong size) {
  mem_malloc_start = start;
  mem_malloc_end = start + size;
  mem_malloc_brk = mem_malloc_end; /* the heap has all of it from the start */
#ifdef CONFIG_SYS_MALLOC_CLEAR_ON_INIT
  memset((void*)start, 0, size);
#endif
  rsb_uboot_add_memory((void*)start, size);
}

int initf_malloc(void) {
#if CONFIG_VAL(SYS_MALLOC_F_LEN)
  assert(gd->malloc_base);
  gd->malloc_limit = CONFIG_VAL(SYS_MALLOC_F_LEN);
  gd->malloc_ptr = 0;
#endif
  return 0;
}

void rsb_uboot_panic(const char* fault, const void* address) {
  panic("malloc: %s: %p\n", fault, address);
}

/* Tests of U-Boot's may have only so many more allocations succeed. */
static bool malloc_testing;
static int malloc_max_allocs;

void malloc_enable_testing(int max_allocs) {
  malloc_testing = true;
  malloc_max_allocs = max_allocs;
}

void malloc_disable_testing(void) {
  malloc_testing = false;
}

/* Else malloc.h has other names for the simple ones. */
#if !CONFIG_IS_ENABLED(SYS_MALLOC_SIMPLE)

static inline bool is_refused_by_test(void) {
  return CONFIG_IS_ENABLED(UNIT_TEST) && malloc_testing && --malloc_max_allocs < 0;
}

static inline bool is_before_heap(void) {
#if CONFIG_VAL(SYS_MALLOC_F_LEN)
  return !(gd->flags & GD_FLG_FULL_MALLOC_INIT);
#else
  return false;
#endif
}

/*
 * Whether the block came from the pool: who has such a one may free it later, too. (The arena may
 * lie in the pool: the TI K3 boards' first loader takes all that is left there.)
 */
static inline bool is_of_pool(const void* block) {
#if CONFIG_VAL(SYS_MALLOC_F_LEN)
  return (ulong)block - mem_malloc_start >= mem_malloc_end - mem_malloc_start &&
         (ulong)block - gd->malloc_base < gd->malloc_ptr;
#else
  return false;
#endif
}

void* malloc(size_t bytes) {
#if CONFIG_VAL(SYS_MALLOC_F_LEN)
  if (is_before_heap()) return malloc_simple(bytes);
#endif
  if (is_refused_by_test()) return NULL;
  return rsb_uboot_allocate(bytes);
}

void* memalign(size_t alignment, size_t bytes) {
#if CONFIG_VAL(SYS_MALLOC_F_LEN)
  if (is_before_heap()) return memalign_simple(alignment, bytes);
#endif
  if (is_refused_by_test()) return NULL;
  return rsb_uboot_allocate_aligned(alignment, bytes);
}

void* calloc(size_t count, size_t size) {
  size_t bytes;

  if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
#if CONFIG_VAL(SYS_MALLOC_F_LEN)
  if (is_before_heap()) {
    void* block = malloc_simple(bytes);

    return block ? memset(block, 0, bytes) : NULL;
  }
#endif
  if (is_refused_by_test()) return NULL;
  return rsb_uboot_allocate_zeroed(bytes);
}

void* realloc(void* block, size_t bytes) {
  if (!block) return malloc(bytes);
  if (is_before_heap()) panic("realloc() before relocation");
  return rsb_uboot_reallocate(block, bytes);
}

void free(void* block) {
  if (is_before_heap() || is_of_pool(block)) return;
  rsb_uboot_deallocate(block);
}

void cfree(void* block) {
  free(block);
}

void* valloc(size_t bytes) {
  return memalign(malloc_getpagesize, bytes);
}

void* pvalloc(size_t bytes) {
  return bytes > -malloc_getpagesize ? NULL : valloc(ALIGN(bytes, malloc_getpagesize));
}

size_t malloc_usable_size(void* block) {
  return rsb_uboot_usable_size(block);
}

/* U-Boot's own has these two only where it is compiled for debugging, or with unit tests. */
struct mallinfo mALLINFo(void) {
  const struct rsb_uboot_memory memory = rsb_uboot_memory();
  struct mallinfo info = {
      .arena = memory.all_bytes,
      .ordblks = memory.free_pieces,
      .uordblks = memory.all_bytes - memory.free_bytes,
      .fordblks = memory.free_bytes,
  };

  return info;
}

void malloc_stats(void) {
  const struct rsb_uboot_memory memory = rsb_uboot_memory();

  printf("system bytes     = %10zu\n", memory.all_bytes);
  printf("in use bytes     = %10zu\n", memory.all_bytes - memory.free_bytes);
}

/* There is nobody to give memory back to, and nothing to tune. */
int malloc_trim(size_t pad) {
  return 0;
}

int mallopt(int parameter, int value) {
  return 0;
}

#endif
