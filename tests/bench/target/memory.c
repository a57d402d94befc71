// SPDX-License-Identifier: MIT OR Apache-2.0
// memset a word at a time, for allocators that clear what they hand out: picolibc's does, and its
// packaged memset goes byte by byte. The figures given for other allocators were taken with one
// like this.
#include <stddef.h>
#include <stdint.h>

void* memset(void* start, int value, size_t bytes) {
  uint8_t* at = start;
  const uintptr_t word = UINTPTR_MAX / 0xff * (uint8_t)value;

  while (bytes != 0 && (uintptr_t)at % sizeof word != 0) {
    *at++ = (uint8_t)value;
    bytes--;
  }
  for (; bytes >= 4 * sizeof word; bytes -= 4 * sizeof word) {
    uintptr_t* const words = (uintptr_t*)at;
    words[0] = word;
    words[1] = word;
    words[2] = word;
    words[3] = word;
    at += 4 * sizeof word;
  }
  for (; bytes >= sizeof word; bytes -= sizeof word) {
    *(uintptr_t*)at = word;
    at += sizeof word;
  }
  while (bytes-- != 0) *at++ = (uint8_t)value;
  return start;
}
