// SPDX-License-Identifier: MIT OR Apache-2.0
// The functions that compilers call of their own accord. They must not be compiled into calls of
// themselves.
#include <stddef.h>

extern "C" {

void* memcpy(void* __restrict to, const void* __restrict from, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
  }
  return to;
}

void* memmove(void* to, const void* from, size_t bytes) {
  if (static_cast<char*>(to) < static_cast<const char*>(from)) return memcpy(to, from, bytes);
  while (bytes-- != 0) static_cast<char*>(to)[bytes] = static_cast<const char*>(from)[bytes];
  return to;
}

void* memset(void* to, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) static_cast<char*>(to)[i] = static_cast<char>(value);
  return to;
}

}  // extern "C"
