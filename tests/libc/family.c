// SPDX-License-Identifier: MIT OR Apache-2.0
/* A program that uses its C library in every way that makes it allocate, and calls every name of
 * the family: all blocks must come from the heap, and go back to it. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "check.h"
#include "rsb/rsb.h"

int failures;

static size_t live(void) {
  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks;
}

/* Whether the block is the heap's: the heap ends a program that asks for the size of another's. */
static int is_ours(void* block) {
  return block != NULL && rsb_malloc_usable_size(opaque(block)) != 0;
}

static void blocks_of_each_function(void) {
  const size_t before = live();
  void* blocks[] = {
      malloc(10),
      calloc(3, 7),
      realloc(NULL, 20),
      reallocarray(NULL, 4, 5),
      aligned_alloc(64, 64),
      memalign(128, 10),
      valloc(10),
      pvalloc(10),
      NULL,
  };
  const size_t count = sizeof blocks / sizeof *blocks;
  CHECK(posix_memalign(&blocks[count - 1], 64, 100) == 0);
  CHECK(live() == before + count);
  for (size_t i = 0; i < count; i++) CHECK(is_ours(blocks[i]));
  CHECK((uintptr_t)blocks[4] % 64 == 0);
  CHECK((uintptr_t)blocks[5] % 128 == 0);
  CHECK(malloc_usable_size(blocks[0]) >= 10);
  for (size_t i = 1; i < count; i++) free(blocks[i]);
  cfree(blocks[0]);
  CHECK(live() == before);
}

static void errors(void) {
  const size_t too_much = (size_t)opaque((void*)(SIZE_MAX / 2));
  errno = 0;
  CHECK(opaque(malloc(too_much)) == NULL);
  CHECK(errno == ENOMEM);
  errno = 0;
  CHECK(opaque(calloc(too_much, 3)) == NULL);
  CHECK(errno == ENOMEM);
  void* const block = opaque(malloc(10));
  errno = 0;
  CHECK(opaque(realloc(block, too_much)) == NULL);
  CHECK(errno == ENOMEM);
  errno = 0;
  CHECK(opaque(reallocarray(block, too_much, 3)) == NULL);
  CHECK(errno == ENOMEM);
  errno = 0;
  CHECK(opaque(memalign(64, too_much)) == NULL);
  CHECK(errno == ENOMEM);
  errno = EDOM;
  free(block);
  CHECK(errno == EDOM);
}

static void statistics(void) {
  const struct mallinfo before = mallinfo();
  void* const block = opaque(malloc(1000));
  const struct mallinfo after = mallinfo();
  CHECK(after.uordblks >= before.uordblks + 1000);
  CHECK(after.arena == after.uordblks + after.fordblks);
  CHECK(after.arena >= 1000 && after.keepcost <= after.arena);
  free(block);
  CHECK(mallopt(M_TRIM_THRESHOLD, 0) == 0);
  CHECK(malloc_trim(0) == 0); /* a pool gives nothing back */
  malloc_stats();
}

/* The longest there are: to convert them takes memory, in some libraries. */
static void numbers(void) {
  char text[700];
  CHECK(snprintf(text, sizeof text, "%.300f", opaque(text) != NULL ? 1e300 / 7 : 0) == 601);
  CHECK(strncmp(text, "142857142857142", 15) == 0);
  CHECK(strtod("1234567890123456789012345678901234567890.5e-39", NULL) > 1.23);
  CHECK(snprintf(text, sizeof text, "%g %a %lld", 0.1, 1.0, 1LL << 60) > 0);
}

static void strings(void) {
  const size_t before = live();
  char* const copy = strdup("copy");
  char* const part = strndup("part of it", 4);
  wchar_t* const wide = wcsdup(L"wide");
  char* text = NULL;
  CHECK(asprintf(&text, "%s %d %.3f", copy, 7, 0.125) == 12);
  CHECK(text != NULL && strcmp(text, "copy 7 0.125") == 0);
  CHECK(is_ours(copy) && is_ours(part) && is_ours(wide) && is_ours(text));
  CHECK(live() == before + 4);
  free(copy);
  free(part);
  free(wide);
  text = opaque(realloc(text, 100));
  CHECK(strcmp(text, "copy 7 0.125") == 0);
  free(text);
  CHECK(live() == before);
  CHECK(setenv("NAME", "a value", 1) == 0);
  CHECK(setenv("NAME", "a longer value", 1) == 0);
  CHECK(strcmp(getenv("NAME"), "a longer value") == 0);
}

static void files(void) {
  const char name[] = "libc.family.tmp";
  FILE* file = fopen(name, "w");
  CHECK(file != NULL);
  if (file == NULL) return;
  CHECK(setvbuf(file, NULL, _IOFBF, 300) == 0);
  for (int i = 0; i < 100; i++) CHECK(fprintf(file, "line %d\n", i) > 0);
  CHECK(fclose(file) == 0);

  const size_t before = live();
  file = fopen(name, "r");
  CHECK(file != NULL);
  char text[20] = "";
  int lines = 0;
  while (fgets(text, sizeof text, file) != NULL) lines++;
  CHECK(live() > before); /* the file's buffer, at least */
  CHECK(lines == 100 && strcmp(text, "line 99\n") == 0);
  CHECK(fclose(file) == 0);
  CHECK(remove(name) == 0);
}

static int compare(const void* a, const void* b) {
  return *(const int*)a - *(const int*)b;
}

static void sorting(void) {
  int numbers[500];
  for (int i = 0; i < 500; i++) numbers[i] = i * 7919 % 500;
  qsort(numbers, 500, sizeof *numbers, compare);
  for (int i = 0; i < 500; i++) CHECK(numbers[i] == i);
}

static int handlers_called;

static void handler(void) {
  handlers_called++;
}

/* The first registered, so the last called: says how it went, by a status that exit() was not
 * given. */
static void the_end(void) {
  CHECK(handlers_called == 100);
  CHECK(rsb_check() == NULL);
  fflush(stdout);
  _Exit(failures == 0 ? 0 : 1);
}

int main(void) {
  atexit(the_end);
  blocks_of_each_function();
  errors();
  statistics();
  numbers();
  strings();
  files();
  sorting();
  /* More than fit into what is reserved for them: the library allocates, if it takes more. */
  for (int i = 0; i < 100; i++) {
    if (atexit(handler) != 0) handlers_called++;
  }
  printf("%d failures\n", failures);
  exit(2);
}
