// SPDX-License-Identifier: MIT OR Apache-2.0
/* A program for tools that look on: does what its argument says, right or wrong, with the names of
 * the C library's allocator. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Not in every C library. */
__attribute__((weak)) void free_sized(void* block, size_t size);
__attribute__((weak)) void free_aligned_sized(void* block, size_t alignment, size_t size);

int failures;

static void write_at(void* block, size_t offset) {
  ((volatile char*)block)[offset] = 1;
}

static void use(void* block, size_t bytes) {
  CHECK(block != NULL);
  memset(block, 1, bytes);
  CHECK(malloc_usable_size(block) >= bytes);
  free(block);
}

static void all_names(void) {
  const size_t too_much = (size_t)opaque((void*)(SIZE_MAX / 2));
  void* block = NULL;
  use(malloc(100), 100);
  use(realloc(malloc(10), 1000), 1000);
  use(reallocarray(NULL, 10, 10), 100);
  use(reallocarray(calloc(10, 10), 100, 100), 10000);
  use(memalign(64, 100), 100);
  use(aligned_alloc(64, 128), 128);
  use(valloc(100), 100);
  CHECK(posix_memalign(&block, 64, 100) == 0);
  use(block, 100);
  block = malloc(100);
  CHECK(opaque(reallocarray(block, too_much, 8)) == NULL && errno == ENOMEM);
  use(block, 100);
  free(opaque(realloc(malloc(100), (size_t)opaque(NULL))));
  free(opaque(reallocarray(malloc(100), (size_t)opaque(NULL), 8)));
  malloc_trim(0);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  CHECK(mallinfo2().uordblks < too_much);
  free(NULL);
}

/* Those that Valgrind has glibc's malloc not do, or that glibc has not. */
static void more_names(void) {
  all_names();
  use(pvalloc(100), 4096);
  use(reallocarray(pvalloc(10000), 100, 200), 20000);
  free_sized(malloc(100), 100);
  free_sized(realloc(malloc(100), 300), 300);
  free_sized(NULL, 100);
  free_aligned_sized(aligned_alloc(64, 128), 64, 128);
  free_aligned_sized(NULL, 64, 128);
}

static void leak(void) {
  opaque(reallocarray(malloc(10), 5, 5));
}

static void write_beyond(void) {
  void* const block = reallocarray(malloc(10), 5, 5);
  write_at(block, 25);
  free(block);
}

static void write_to_old(void) {
  void* const old = malloc(10);
  void* const block = reallocarray(opaque(old), 500, 500);
  write_at(opaque(old), 5);
  free(block);
}

static void resize_freed(void) {
  void* const block = malloc(10);
  free(block);
  opaque(reallocarray(opaque(block), 5, 5));
}

static void leak_pages(void) {
  opaque(pvalloc(100));
}

static void write_beyond_pages(void) {
  void* const block = pvalloc(100);
  write_at(block, 1 << 16);
  free(block);
}

static void free_twice(void) {
  void* const block = malloc(10);
  free_sized(block, 10);
  free_sized(opaque(block), 10);
}

static void write_to_freed(void) {
  void* const block = aligned_alloc(64, 128);
  free_aligned_sized(block, 64, 128);
  write_at(opaque(block), 5);
}

#define CASE(name) \
  { #name, name }

static const struct {
  const char* name;
  void (*run)(void);
} cases[] = {
    CASE(all_names),    CASE(more_names),     CASE(leak),       CASE(write_beyond),
    CASE(write_to_old), CASE(resize_freed),   CASE(leak_pages), CASE(write_beyond_pages),
    CASE(free_twice),   CASE(write_to_freed),
};

int main(int count, char** arguments) {
  for (size_t i = 0; count > 1 && i < sizeof cases / sizeof *cases; i++) {
    if (strcmp(cases[i].name, arguments[1]) != 0) continue;
    cases[i].run();
    return failures;
  }
  return 2;
}
