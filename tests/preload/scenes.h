// SPDX-License-Identifier: MIT OR Apache-2.0
// What the programs share whose argument names a scene, in which a process ends, most with
// status 3.
#pragma once

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#ifdef PREFIXED
extern void* rsb_malloc(size_t);
extern void rsb_free(void*);
#define malloc rsb_malloc
#define free rsb_free
#endif

enum { status = 3 };

#define SCENE(name) if (strcmp(scene, name) == 0)

// A thread's blocks, and what is drawn next. All zero at first.
struct trade {
  void* live[64];
  unsigned random;
};

// Frees one of them and allocates another in its place: its bytes, or 0.
static size_t trade_one(struct trade* trade, void** block) {
  const unsigned i = trade->random = trade->random * 1664525u + 1013904223u;
  void** const slot = &trade->live[i >> 8 & 63];
  const size_t bytes = (size_t)8 << (i >> 20) % 13;
  free(*slot);
  *block = *slot = malloc(bytes);
  return *block != NULL ? bytes : 0;
}

static void start_threads(void* (*work)(void*), void* argument) {
  for (int i = 0; i < 3; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, argument) != 0) abort();
  }
}
