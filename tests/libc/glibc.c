// SPDX-License-Identifier: MIT OR Apache-2.0
/* What glibc's allocator has besides the standard names: true with glibc's own malloc, and so with
 * ours, linked or preloaded. What only ours says is asked with an argument. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

int failures;

enum { count = 1000, bytes = 20000 };
static void* blocks[count];

static void allocate(void) {
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(bytes);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, bytes);
  }
}

static void release(void) {
  for (int i = 0; i < count; i++) free(blocks[i]);
}

static void statistics(void) {
  const struct mallinfo2 before = mallinfo2();
  allocate();
  const struct mallinfo2 full = mallinfo2();
  const struct mallinfo narrow = mallinfo();
  CHECK(full.uordblks >= before.uordblks + (size_t)count * bytes);
  CHECK(full.arena >= full.uordblks);
  CHECK(full.arena == full.uordblks + full.fordblks);
  CHECK(narrow.uordblks == (int)full.uordblks && narrow.arena == (int)full.arena);
  release();
  const struct mallinfo2 empty = mallinfo2();
  CHECK(empty.uordblks == before.uordblks);
  CHECK(empty.fordblks >= before.fordblks);
  CHECK(empty.keepcost <= empty.fordblks);
}

static void trim(int is_ours) {
  allocate();
  release();
  const size_t before = mallinfo2().arena;
  CHECK(malloc_trim(0) == 1);
  CHECK(mallinfo2().arena <= before);
  void* const free_pages = malloc(100000);
  void* const behind_them = malloc(100);
  free(free_pages);
  malloc_trim(0);
  if (is_ours) CHECK(malloc_trim(0) == 0); /* glibc's gives the same pages again */
  free(behind_them);
}

static void options(int is_ours) {
  CHECK(mallopt(M_ARENA_MAX, 1) == 1);
  CHECK(mallopt(M_PERTURB, 0) == 1);
  if (!is_ours) return;
  CHECK(mallopt(M_ARENA_MAX, 0) == 0);
  CHECK(mallopt(M_PERTURB, 5) == 0);
  CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 0);
  CHECK(mallopt(M_TRIM_THRESHOLD, 1 << 20) == 0);
  CHECK(mallopt(M_MXFAST, 0) == 0);
  CHECK(mallopt(12345, 1) == 0);
}

/* The number behind the last `name` in the text. */
static size_t number_behind(const char* text, const char* name) {
  size_t number = 0;
  CHECK(strstr(text, name) != NULL);
  for (const char* at = text; (at = strstr(at, name)) != NULL;) {
    at += strlen(name);
    number = strtoul(at, NULL, 10);
  }
  return number;
}

static void print_statistics(void) {
  const int file = memfd_create("statistics", 0); /* there may be no folder to write to */
  const int standard_error = dup(2);
  CHECK(file >= 0 && dup2(file, 2) == 2);
  malloc_stats();
  dup2(standard_error, 2);
  static char text[2000];
  CHECK(pread(file, text, sizeof text - 1, 0) > 0);
  CHECK(number_behind(text, "in use bytes     =") <= number_behind(text, "system bytes     ="));
  CHECK(number_behind(text, "in use bytes     =") > 10000);
  CHECK(number_behind(text, "max mmap bytes   =") < 1 << 30);
  close(file);
}

static void print_xml(void) {
  char* text = NULL;
  size_t length = 0;
  FILE* const stream = open_memstream(&text, &length);
  CHECK(malloc_info(1, stream) == EINVAL);
  CHECK(malloc_info(0, stream) == 0);
  fclose(stream);
  const char begin[] = "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n";
  const char end[] = "</malloc>\n";
  CHECK(strncmp(text, begin, sizeof begin - 1) == 0);
  CHECK(strcmp(text + length - (sizeof end - 1), end) == 0);
  CHECK(number_behind(text, "<system type=\"current\" size=\"") > 10000);
  CHECK(number_behind(text, "<system type=\"current\" size=\"") <=
        number_behind(text, "<system type=\"max\" size=\""));
  number_behind(text, "<total type=\"rest\" count=\"");
  free(text);
}

int main(int argument_count, char** arguments) {
  const int is_ours = argument_count > 1 && strcmp(arguments[1], "ours") == 0;
  void* const kept = malloc(11000);
  statistics();
  trim(is_ours);
  options(is_ours);
  print_statistics();
  print_xml();
  free(kept);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
