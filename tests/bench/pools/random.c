// SPDX-License-Identifier: MIT OR Apache-2.0
#include "program.h"

static uint32_t state;

void random_begin(uint32_t seed) {
  state = seed * 2654435761u + 1;
  for (int i = 0; i < 8; i++) random_below(1);
}

// Marsaglia's xorshift.
uint32_t random_below(uint32_t most) {
  if (state == 0) state = 1;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return (uint32_t)((uint64_t)state * most >> 32);
}

// FNV-1a.
uint32_t digest_of(uint32_t digest, const void* bytes, size_t count) {
  const uint8_t* const from = bytes;
  digest ^= 2166136261u;
  for (size_t i = 0; i < count; i++) digest = (digest ^ from[i]) * 16777619u;
  return digest;
}
