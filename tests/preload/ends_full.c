// SPDX-License-Identifier: MIT OR Apache-2.0
// What lives when a process ends, and what is wrong then: for ends_full.py, which also names
// waits.c as a library. Ends with status 3 unless it says so.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenes.h"

static char* volatile kept[200];
static unsigned keeps = 0;

// Exported, so that their names are known; each a call of its own.
#define KEEPER(name)                                 \
  __attribute__((noinline)) void name(size_t size);  \
  __attribute__((noinline)) void name(size_t size) { \
    kept[keeps++] = malloc(size);                    \
  }
KEEPER(keep_much)
KEEPER(keep_often)

#define FOUR(what) what what what what
#define KEEP_ONE kept[keeps++] = malloc(1);
static void keep_from_64_places(void) {
  FOUR(FOUR(FOUR(KEEP_ONE)))
}

static void* allocate(void* p) {
  struct trade mine = {0};
  while (p != NULL) {
    void* block;
    const size_t bytes = trade_one(&mine, &block);
    if (bytes != 0) memset(block, (int)mine.random, bytes);
  }
  return NULL;
}

// Of a library that another thread opens.
static volatile int waits = 0;
__attribute__((visibility("default"))) void constructor_waits(void);
void constructor_waits(void) {
  waits = 1;
}
static void* open_library(void* name) {
  dlopen(name, RTLD_NOW);
  return NULL;
}
static void wait_in_constructor(char* library) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, open_library, library) != 0) abort();
  while (!waits) usleep(100);
}

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  const char* const scene = argv[1];
  for (int i = 0; i < 10; i++) keep_often(100);
  keep_much(20000);
  SCENE("exit") exit(status);
  SCENE("_exit") _exit(status);
  SCENE("many places") {
    keep_from_64_places();
    exit(status);
  }
  SCENE("freed") {
    for (unsigned i = 0; i < keeps; i++) free(kept[i]);
    exit(status);
  }
  SCENE("_exit beside a constructor") {
    wait_in_constructor(argv[2]);
    _exit(status);
  }
  SCENE("freed twice beside a constructor") {
    wait_in_constructor(argv[2]);
    free(kept[4]);
    free(kept[4]);
  }
  SCENE("threads") {
    start_threads(allocate, &keeps);
    usleep(3000);
    exit(status);
  }
  SCENE("behind a block") {
    kept[4][100] = 1;
    exit(status);
  }
  SCENE("behind a block, _exit") {
    kept[4][100] = 1;
    _exit(status);
  }
  SCENE("before a block") {
    memset(kept[4] - 32, 0, 32);
    exit(status);
  }
  SCENE("a freed block") {
    free(kept[4]);
    kept[4][50] = 1;
    exit(status);
  }
  SCENE("behind a block in a child") {
    const pid_t child = fork();
    if (child == 0) {
      kept[4][100] = 1;
      exit(status);
    }
    int ended = 0;
    if (waitpid(child, &ended, 0) != child || !WIFSIGNALED(ended)) exit(1);
    exit(status);
  }
  return 1;
}
