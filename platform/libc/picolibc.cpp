// SPDX-License-Identifier: MIT OR Apache-2.0
// What picolibc's allocator defines besides the standard names: linking this, with
// core/api/libc.cpp in one object file, leaves no reason to link any part of it.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include "rsb/rsb.h"
#include "statistics.hpp"

// Null in a program without standard streams: whoever allocates need not have any.
extern FILE* const stderr [[gnu::weak]];

extern "C" {

int* rsb_errno() noexcept {
  return &errno;
}

void cfree(void* block) {
  rsb_free(block);
}

struct mallinfo mallinfo() {
  return rsb::libc::info<struct mallinfo>();
}

// Whether anything was given back.
int malloc_trim(size_t) {
  return rsb_trim() != 0;
}

// There is nothing to tune: no parameter is ever accepted.
int mallopt(int, int) {
  return 0;
}

// To standard error.
void malloc_stats() {
  if (&stderr == nullptr) return;
  rsb::libc::print([](const char* text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) stderr->put(text[i], stderr);
  });
}

// An older name, with a title that the caller gives.
void mstats(char* title) {
  if (&stderr == nullptr) return;
  for (; *title != '\0'; title++) stderr->put(*title, stderr);
  stderr->put('\n', stderr);
  malloc_stats();
}

}  // extern "C"
