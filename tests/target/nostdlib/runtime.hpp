// SPDX-License-Identifier: MIT OR Apache-2.0
// What a program without a C library brings along; and a check that ends it.
#pragma once

#include <stddef.h>
#include <stdint.h>

[[noreturn]] void exit_with(int status);
void print(const char* text);  // on standard error

#define TEXT_OF(x) #x
#define LINE_AS_TEXT(x) TEXT_OF(x)
#define REQUIRE(condition)                                                           \
  do {                                                                               \
    if (!(condition)) {                                                              \
      print(__FILE__ ":" LINE_AS_TEXT(__LINE__) ": " #condition " does not hold\n"); \
      exit_with(1);                                                                  \
    }                                                                                \
  } while (false)

inline void fill(void* block, size_t bytes, unsigned char value) {
  for (size_t i = 0; i < bytes; i++) static_cast<volatile unsigned char*>(block)[i] = value;
}

inline bool is_filled(const void* block, size_t bytes, unsigned char value) {
  for (size_t i = 0; i < bytes; i++) {
    if (static_cast<const volatile unsigned char*>(block)[i] != value) return false;
  }
  return true;
}

inline bool is_aligned_to(const void* block, size_t alignment) {
  return reinterpret_cast<uintptr_t>(block) % alignment == 0;
}
