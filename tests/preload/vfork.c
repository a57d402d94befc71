// SPDX-License-Identifier: MIT OR Apache-2.0
// A server that starts its programs by vfork: the child shares the parent's memory, and allocates
// in it before it executes something or ends, as shells do. Other threads allocate all the while,
// or call vfork too.
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern const char* rsb_check(void) __attribute__((weak));

enum { servers = 3, rounds = 100 };

static atomic_int serving = servers;

static void expect(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "not so: %s\n", what);
  _exit(1);
}

static void allocate(unsigned* state, unsigned char mark, int turns) {
  unsigned char* live[32] = {NULL};
  for (int i = 0; i < turns; i++) {
    *state = *state * 1664525u + 1013904223u;
    const size_t size = (size_t)8 << (*state >> 20) % (i % 32 == 0 ? 17 : 10);
    unsigned char** const slot = &live[*state >> 8 & 31];
    expect(*slot == NULL || **slot == mark, "contents stay");
    if (i % 3 == 0) {
      *slot = realloc(*slot, size);
    } else {
      free(*slot);
      *slot = malloc(size);
    }
    expect(*slot != NULL, "there is memory");
    memset(*slot, mark, size < 64 ? size : 64);
  }
  for (int i = 0; i < 32; i++) free(live[i]);
}

static void* allocate_meanwhile(void* p) {
  unsigned state = 7;
  while (serving != 0) allocate(&state, 0x77, 2000);
  return p;
}

static char* command_for(unsigned* state, int status) {
  allocate(state, (unsigned char)status, 200);
  char* const command = malloc(20);
  snprintf(command, 20, "exit %d", status);
  return command;
}

static void serve_once(unsigned* state, const int status) {
  static __thread char* command;
  command = NULL;
  const pid_t child = vfork();
  expect(child >= 0, "vfork");
  if (child == 0) {
    command = command_for(state, status);
    execl("/nowhere", "nowhere", (char*)NULL);  // in vain
    if (status % 3 != 0) execl("/bin/sh", "sh", "-c", command, (char*)NULL);
    _exit(status);
  }
  int ended;
  expect(waitpid(child, &ended, 0) == child, "the child is waited for");
  expect(WIFEXITED(ended) && WEXITSTATUS(ended) == status, "the child ends well");
  expect(command != NULL && strncmp(command, "exit ", 5) == 0, "the child's block is there");
  free(command);
}

static void* serve(void* p) {
  unsigned state = (unsigned)(size_t)p;
  for (int round = 0; round < rounds; round++) serve_once(&state, round % 100);
  serving--;
  return NULL;
}

int main(void) {
  expect(rsb_check != NULL, "malloc is replaced");
  unsigned state = 1;
  const pid_t child = vfork();  // while there is one thread
  if (child == 0) {
    allocate(&state, 1, 1000);
    _exit(0);
  }
  expect(child > 0 && waitpid(child, NULL, 0) == child, "the first child");

  pthread_t threads[servers + 1];
  pthread_create(&threads[servers], NULL, allocate_meanwhile, NULL);
  for (size_t i = 0; i < servers; i++) {
    expect(pthread_create(&threads[i], NULL, serve, (void*)(i + 2)) == 0, "there are threads");
  }
  for (size_t i = 0; i <= servers; i++) pthread_join(threads[i], NULL);
  expect(rsb_check() == NULL, "the heap is whole");
  return 0;
}
