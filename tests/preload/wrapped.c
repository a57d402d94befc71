// SPDX-License-Identifier: MIT OR Apache-2.0
// A program under two preloaded libraries: ours and wrapper.c. Usage: wrapped before|behind, where
// the wrapper is.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char* rsb_check(void) __attribute__((weak));
extern unsigned long wrapper_calls_of_malloc(void) __attribute__((weak));
extern unsigned long wrapper_calls_of_mmap(void) __attribute__((weak));

static void expect(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "not so: %s\n", what);
  exit(1);
}

static void* allocate(void* seed) {
  unsigned state = (unsigned)(size_t)seed;
  unsigned char* live[100] = {NULL};
  size_t sizes[100] = {0};
  for (unsigned i = 0; i < 6000; i++) {
    state = state * 1664525u + 1013904223u;
    const unsigned slot = state >> 8 & 63;
    const size_t size = (size_t)16 << (state >> 20) % (i % 16 == 0 ? 17 : 9);
    if (live[slot] != NULL) {
      expect(live[slot][0] == slot && live[slot][sizes[slot] - 1] == slot, "contents stay");
    }
    if (i % 4 == 0) {
      live[slot] = realloc(live[slot], size);
    } else {
      free(live[slot]);
      live[slot] = i % 4 == 1   ? malloc(size)
                   : i % 4 == 2 ? calloc(1, size)
                                : aligned_alloc(64, size);
    }
    expect(live[slot] != NULL && malloc_usable_size(live[slot]) >= size, "there is memory");
    live[slot][0] = live[slot][size - 1] = (unsigned char)slot;
    sizes[slot] = size;
    if (i % 100 == 0) expect(dlsym(RTLD_DEFAULT, "no such function") == NULL, "dlsym fails");
  }
  for (unsigned slot = 0; slot < 100; slot++) free(live[slot]);
  return NULL;
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const int before = strcmp(arguments[1], "before") == 0;
  expect(rsb_check != NULL && wrapper_calls_of_malloc != NULL, "both libraries are there");

  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++) {
    expect(pthread_create(&threads[i], NULL, allocate, (void*)(i + 1)) == 0, "there are threads");
  }
  for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);

  expect(rsb_check() == NULL, "the heap is whole");
  expect(before == (wrapper_calls_of_malloc() > 1000),
         "a wrapper before is called, and one behind not");
  expect(wrapper_calls_of_mmap() > 1, "pages come by the wrapper's mmap");
  return 0;
}
