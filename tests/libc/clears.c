// SPDX-License-Identifier: MIT OR Apache-2.0
/* Blocks are zero when they are handed out, whatever was there: with RSB_MALLOC_CLEARS, and, as it
 * is, with picolibc. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

int failures;

static int is_zero(const unsigned char* block, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    if (block[i] != 0) return 0;
  }
  return 1;
}

/* So that what comes next was in use. */
static void leave_dirt(size_t size) {
  void* blocks[8];
  for (int i = 0; i < 8; i++) {
    blocks[i] = opaque(malloc(size));
    CHECK(blocks[i] != NULL);
    if (blocks[i] != NULL) memset(blocks[i], 0x5a, size);
  }
  for (int i = 0; i < 8; i++) free(blocks[i]);
}

int main(void) {
  static const size_t sizes[] = {1, 8, 24, 100, 500, 1000, 3000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t size = sizes[i];
    leave_dirt(size);
    unsigned char* block = opaque(malloc(size));
    CHECK(block != NULL && is_zero(block, 0, size));
    if (block == NULL) break;
    memset(block, 0x5a, size);
    leave_dirt(2 * size);
    block = opaque(realloc(block, 2 * size));
    CHECK(block != NULL && block[size - 1] == 0x5a && is_zero(block, size, 2 * size));
    free(block);
    leave_dirt(size);
    block = opaque(memalign(32, size));
    CHECK(block != NULL && is_zero(block, 0, size));
    free(block);
    block = opaque(aligned_alloc(32, (size + 31) / 32 * 32));
    CHECK(block != NULL && is_zero(block, 0, size));
    free(block);
  }
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
