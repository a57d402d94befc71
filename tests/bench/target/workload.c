// SPDX-License-Identifier: MIT OR Apache-2.0
#include "workload.h"

#include <string.h>

#include "allocator.h"

enum { MOST_LIVE = 16384 };

static struct {
  void* block;  // null: the request failed
  uint32_t bytes;
} live[MOST_LIVE];
static uint32_t live_count;
static uint64_t live_bytes;  // requests that failed included
static struct result result;

// ---- Random numbers and sizes ----

static uint32_t random_state;

// Marsaglia's xorshift32.
static uint32_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

enum { STEPS_OF_OCTAVE = 64, OCTAVES = 8 };

static uint32_t powers[STEPS_OF_OCTAVE + 1];  // 2^(i/64), in units of 2^-16

static uint32_t square_root(uint64_t value) {
  uint64_t root = 0;
  uint64_t bit = (uint64_t)1 << 62;
  while (bit > value) bit >>= 2;
  for (; bit != 0; bit >>= 2) {
    if (value >= root + bit) {
      value -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  return (uint32_t)root;
}

// In units of 2^-30: 2^(1/2), 2^(1/4) … 2^(1/64) by square roots, and the rest as their products.
static void make_powers(void) {
  enum { ROOTS = 6 };
  uint64_t roots[ROOTS];
  uint64_t x = (uint64_t)2 << 30;
  for (int i = 0; i < ROOTS; i++) {
    x = square_root(x << 30);
    roots[i] = x;
  }
  for (int i = 0; i < STEPS_OF_OCTAVE; i++) {
    uint64_t power = (uint64_t)1 << 30;
    for (int b = 0; b < ROOTS; b++)
      if (i & (STEPS_OF_OCTAVE / 2 >> b)) power = (power * roots[b]) >> 30;
    powers[i] = (uint32_t)(power >> 14);
  }
  powers[STEPS_OF_OCTAVE] = 2u << 16;
}

// 8 … 2,048, log-uniform to a 64th of an octave, and uniform within that.
static uint32_t random_size(void) {
  const uint32_t r = next_random() % (OCTAVES * STEPS_OF_OCTAVE);
  const uint32_t octave = r / STEPS_OF_OCTAVE;
  const uint32_t low = powers[r % STEPS_OF_OCTAVE];
  const uint32_t high = powers[r % STEPS_OF_OCTAVE + 1];
  const uint32_t power =
      low + (uint32_t)(((uint64_t)(next_random() & 0xffff) * (high - low)) >> 16);
  const uint32_t size = (uint32_t)(((uint64_t)power << (3 + octave)) >> 16);
  return size < 8 ? 8 : size > 2048 ? 2048 : size;
}

// ---- Blocks ----

// The first and the last byte say the size, so that blocks that overlap are noticed.
static void mark(void* block, uint32_t bytes) {
  uint8_t* const at = block;
  at[0] = (uint8_t)bytes;
  at[bytes - 1] = (uint8_t)(bytes >> 8);
}

static int is_marked(const void* block, uint32_t bytes) {
  const uint8_t* const at = block;
  return at[0] == (uint8_t)bytes && at[bytes - 1] == (uint8_t)(bytes >> 8);
}

static void allocate(uint32_t bytes, enum how how) {
  void* block;
  if (how == counting) {
    const uint32_t count = measure_allocate(bytes, &block);
    counts_add(block != NULL ? &result.allocate : &result.fail, count);
  } else {
    block = pool_allocate(bytes);
  }
  result.allocations++;
  if (block == NULL) {
    result.failures++;
  } else {
    mark(block, bytes);
  }
  live[live_count].block = block;
  live[live_count].bytes = bytes;
  live_count++;
  live_bytes += bytes;
}

static void release(uint32_t i, enum how how) {
  void* const block = live[i].block;
  const uint32_t bytes = live[i].bytes;
  live[i] = live[--live_count];
  live_bytes -= bytes;
  if (block == NULL) return;
  if (!is_marked(block, bytes)) result.corrupt++;
  if (how == counting) {
    counts_add(&result.release, measure_release(block, bytes));
  } else {
    pool_release(block, bytes);
  }
}

static void step(uint64_t target, enum how how) {
  const uint64_t wobbling = target - target / 16 + (target / 8) * (next_random() & 1023) / 1024;
  if (live_count == 0 || (live_bytes < wobbling && live_count < MOST_LIVE)) {
    allocate(random_size(), how);
  } else {
    release(next_random() % live_count, how);
  }
}

void workload_begin(uint32_t seed) {
  make_powers();
  random_state = (seed * 2654435761u) | 1;
  for (int i = 0; i < 8; i++) next_random();
}

void workload_run(uint64_t target, uint32_t steps, enum how how) {
  for (uint32_t i = 0; i < steps; i++) step(target, how);
}

uint32_t workload_run_until_failure(uint64_t target, uint32_t steps) {
  for (uint32_t i = 0; i < steps && result.failures == 0; i++) step(target, quickly);
  return result.failures;
}

void workload_clear_result(void) {
  memset(&result, 0, sizeof result);
}

const struct result* workload_result(void) {
  return &result;
}
