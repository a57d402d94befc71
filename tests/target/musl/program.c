// SPDX-License-Identifier: MIT OR Apache-2.0
/* A program that uses musl's functions, threads and fork, on our allocator: linked or preloaded. */
#include <malloc.h>
#include <pthread.h>
#include <rsb/rsb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Null unless the allocator is in the process. */
#pragma weak rsb_get_stats
#pragma weak rsb_check

enum { threads = 4, rounds = 20000, blocks = 64, forks = 20 };

static void require(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "not so: %s\n", what);
  _exit(1);
}

static size_t live_blocks(void) {
  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks;
}

static void* work(void* seed) {
  unsigned random = (unsigned)(size_t)seed;
  unsigned char* block[blocks] = {0};
  size_t bytes[blocks] = {0};
  for (int i = 0; i < rounds; i++) {
    random = random * 1664525u + 1013904223u;
    const unsigned at = random >> 16 & (blocks - 1);
    if (block[at] != NULL) {
      require(block[at][0] == at && block[at][bytes[at] - 1] == at, "a block keeps its contents");
    }
    bytes[at] = 1 + (random >> 8) % (i % 100 == 0 ? 100000 : 1000);
    block[at] = realloc(block[at], bytes[at]);
    require(block[at] != NULL, "there is memory");
    memset(block[at], (int)at, bytes[at]);
  }
  for (int i = 0; i < blocks; i++) free(block[i]);
  return NULL;
}

static void c_library(void) {
  const size_t before = live_blocks();
  char* const copy = strdup("musl's own call of malloc");
  require(live_blocks() == before + 1, "musl's functions allocate here");
  require(malloc_usable_size(copy) >= strlen(copy) + 1, "the size is that of the copy");
  char* line = NULL;
  size_t length = 0;
  FILE* const file = tmpfile();
  fputs(copy, file);
  rewind(file);
  require(getline(&line, &length, file) == (ssize_t)strlen(copy) && strcmp(line, copy) == 0,
          "getline returns the line");
  fclose(file);
  void* aligned = NULL;
  require(posix_memalign(&aligned, 4096, 10) == 0 && (size_t)aligned % 4096 == 0,
          "posix_memalign aligns");
  free(aligned);
  free(aligned_alloc(64, 128));
  free(line);
  free(copy);
  require(live_blocks() == before, "all of it is free again");
}

int main(void) {
  require(rsb_get_stats != NULL, "the allocator is in the process");
  c_library();

  pthread_t thread[threads];
  for (size_t i = 0; i < threads; i++) pthread_create(&thread[i], NULL, work, (void*)(i + 1));
  for (int i = 0; i < forks; i++) {
    void* const block = malloc(100);
    const pid_t child = fork();
    require(child >= 0, "there are processes");
    if (child == 0) {
      free(block);
      work((void*)7);
      require(rsb_check() == NULL, "the child's heap is whole");
      _exit(0);
    }
    int status = -1;
    require(waitpid(child, &status, 0) == child && status == 0, "the child ends well");
    free(block);
  }
  for (size_t i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  c_library();
  require(rsb_check() == NULL, "the heap is whole");
  puts("ok");
  return 0;
}
