// SPDX-License-Identifier: MIT OR Apache-2.0
/* Checks without a C++ library, and without stopping at the first that fails. */
#pragma once

#include <stdio.h>

extern int failures;

#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) {                                              \
      failures++;                                                    \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                \
  } while (0)

/* Hides from the compiler what a value is, and that a block is freed unused. */
static inline void* opaque(void* value) {
  __asm__ volatile("" : "+r"(value) : : "memory");
  return value;
}
