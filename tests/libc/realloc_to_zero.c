// SPDX-License-Identifier: MIT OR Apache-2.0
/* realloc(p, 0) and its like, which C leaves open: as the build believes that this C library has
 * it, with rsb::libc and without. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#if defined(_WIN32)
#include <malloc.h>
#endif

int failures;

static volatile size_t nothing;

enum { keeps, frees };

static void check_answer(void* block) {
  CHECK((block == NULL) == (RSB_REALLOC_TO_ZERO == frees));
  free(block);
}

/* Who leaks blocks runs out of them, on a board. */
static void often(void) {
  for (int i = 0; i < 20000; i++) {
    void* const block = opaque(malloc(1000));
    CHECK(block != NULL);
    if (block == NULL) return;
    free(opaque(realloc(block, nothing)));
  }
}

int main(void) {
  void* const block = realloc(NULL, nothing);
  CHECK(block != NULL);
  free(block);
  check_answer(realloc(opaque(malloc(100)), nothing));
  check_answer(realloc(opaque(malloc(100000)), nothing));
#if defined(_WIN32)
  void* const aligned = _aligned_realloc(opaque(_aligned_malloc(100, 64)), nothing, 64);
  CHECK((aligned == NULL) == (RSB_REALLOC_TO_ZERO == frees));
  _aligned_free(aligned);
#else
  check_answer(reallocarray(opaque(malloc(100)), nothing, 5));
  check_answer(reallocarray(opaque(malloc(100000)), 5, nothing));
#endif
  often();
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
