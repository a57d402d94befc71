// SPDX-License-Identifier: MIT OR Apache-2.0
/* rsb/rsb.h from C: every function is called, every type and constant named. RSB_UNIT_C is the name
 * of this file's one function, which returns null or what was wrong. */
#include "rsb/rsb.h"

#include <string.h>

#define EXPECT(condition)                \
  do {                                   \
    if (!(condition)) return #condition; \
  } while (0)

static int count_blocks(void* block, size_t bytes, void* context) {
  size_t* const count = context;
  if (block == NULL || bytes == 0) return 0;
  ++*count;
  return 1;
}

static int give_up(size_t bytes) {
  (void)bytes;
  return 0;
}

const char* RSB_UNIT_C(void);
const char* RSB_UNIT_C(void) {
  char* p;
  void* q = NULL;
  size_t count = 0;
  size_t bin;
  size_t page;
  int has_pages;
  rsb_stats stats;
  rsb_bin_stats bin_stats;
  rsb_description description;
  rsb_region region = {NULL, 0};
  rsb_out_of_memory_handler previous;
  rsb_fault_kind kind;

  p = rsb_malloc(10);
  EXPECT(p != NULL);
  memcpy(p, "123456789", 10);
  p = rsb_realloc(p, 1000);
  EXPECT(p != NULL);
  EXPECT(memcmp(p, "123456789", 10) == 0);
  EXPECT(rsb_malloc_usable_size(p) >= 1000);
  p = rsb_reallocarray(p, 20, 100);
  EXPECT(p != NULL);
  EXPECT(memcmp(p, "123456789", 10) == 0);
  rsb_free(p);

  p = rsb_calloc(3, 7);
  EXPECT(p != NULL);
  EXPECT(p[0] == 0 && p[20] == 0);
  rsb_free_sized(p, 21);

  p = rsb_aligned_alloc(64, 100);
  EXPECT(p != NULL && (uintptr_t)p % 64 == 0);
  rsb_free_aligned_sized(p, 64, 100);
  p = rsb_memalign(60, 100);
  EXPECT(p != NULL && (uintptr_t)p % 64 == 0);
  rsb_free(p);
  EXPECT(rsb_posix_memalign(&q, 128, 100) == 0);
  EXPECT(q != NULL && (uintptr_t)q % 128 == 0);
  rsb_free(q);
  EXPECT(rsb_posix_memalign(&q, 3, 100) == 22);
  page = rsb_page_size();
  has_pages = page != 0;
  if (!has_pages) page = 256; /* of a small heap */
  p = rsb_valloc(100);
  EXPECT(p != NULL && (uintptr_t)p % page == 0);
  rsb_free(p);
  p = rsb_pvalloc(1);
  EXPECT(p != NULL && rsb_malloc_usable_size(p) >= page);
  rsb_free(p);

  p = rsb_allocate(4, 4);
  EXPECT(p != NULL && (rsb_malloc_usable_size(p) == 4 || !has_pages));
  p = rsb_reallocate(p, 8, 8);
  EXPECT(p != NULL);
  rsb_deallocate(p, 8, 8);
  p = rsb_allocate_zeroed(40, 32);
  EXPECT(p != NULL && (uintptr_t)p % 32 == 0 && p[39] == 0);
  rsb_deallocate(p, 40, 32);

  p = rsb_page_allocate(2, 0);
  EXPECT((p != NULL) == has_pages);
  EXPECT(rsb_page_resize(p, 1) == has_pages);
  rsb_page_free(p);
  EXPECT(rsb_add_region(region.base, region.bytes) == 0);
  EXPECT(rsb_add_growing_region(region.base, region.bytes, region.bytes) == 0);

  p = rsb_malloc(1);
  rsb_get_stats(&stats);
  EXPECT(rsb_walk(count_blocks, &count) == 1);
  EXPECT(count == stats.live_blocks);
  rsb_free(p);
  for (bin = 0; bin < stats.bins; bin++) EXPECT(rsb_get_bin_stats(bin, &bin_stats));
  EXPECT(!rsb_get_bin_stats(stats.bins, &bin_stats));
  EXPECT(rsb_check() == NULL);
  (void)rsb_trim();

  p = rsb_malloc(1);
  EXPECT(rsb_may_own(p) && !rsb_may_own(NULL));
  EXPECT(rsb_describe(p, &description) && description.block == p);
  EXPECT(rsb_extend_region(p, 1) == 0);
  EXPECT(rsb_shrink_region(p, 0) == 0);
  if (!has_pages) {
    EXPECT(rsb_block_with(p) == p);
    EXPECT(rsb_free_blocks() != 0);
    EXPECT(rsb_largest_request() <= rsb_free_bytes());
    EXPECT(rsb_least_free_bytes() <= rsb_free_bytes());
    rsb_reset_least_free_bytes();
    EXPECT(rsb_least_free_bytes() == rsb_free_bytes());
  }
  rsb_free(p);

  previous = rsb_set_out_of_memory_handler(give_up);
  EXPECT(rsb_set_out_of_memory_handler(previous) == give_up);
  for (kind = RSB_DOUBLE_FREE; kind <= RSB_OUT_OF_MEMORY; kind++) {
    EXPECT(rsb_fault_name(kind) != NULL);
  }
  return NULL;
}
