// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the allocator that it is linked with, as its arguments say; README.md explains the modes.
// Prints lines of "MODE KEY=VALUE …". Ends with 4 if a block was found corrupt, with 5 if the clock
// counts wrongly.
//
//   selftest
//   churn POOL OPERATIONS SEED FILL...      fills in percent of the pool
//   sustain POOL OPERATIONS FROM STEP SEED...     from, step: percent
//   fill POOL SIZE...
//   checker POOL
//   bigone POOL
//   huge POOL
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "board.h"
#include "clock.h"
#include "measure.h"
#include "workload.h"

// No static variables in this file: board_restart() would clear them.

static void* begin(size_t pool) {
  board_restart();
  clock_start();
  measure_calibrate();
  void* const memory = board_pool(pool);
  pool_init(memory, pool);
  return memory;
}

static void end_if_corrupt(const struct result* result) {
  if (result->corrupt == 0) return;
  printf("%lu blocks are corrupt\n", (unsigned long)result->corrupt);
  exit(4);
}

void loop(void* rounds, size_t);  // loop.S

// A function of known length is counted as what it is, on the way that all calls take.
static int selftest(void) {
  begin(4096);
  int wrong = 0;
  uint32_t tried = 0;
  for (uint32_t rounds = 1; rounds <= 1000000; rounds += rounds < 200 ? 1 : rounds / 3) {
    if (measure(loop, (void*)(uintptr_t)rounds, 0) != 2 * rounds) wrong++;
    tried++;
  }
  printf("selftest tried=%lu wrong=%d\n", (unsigned long)tried, wrong);
  return wrong == 0 ? 0 : 5;
}

static void churn(size_t pool, uint32_t operations, uint32_t seed, uint32_t fill) {
  begin(pool);
  const uint64_t target = (uint64_t)pool * fill / 100;
  workload_begin(seed);
  workload_run(target, operations / 4, quickly);
  const uint32_t before = workload_result()->failures;
  workload_clear_result();
  workload_run(target, operations, counting);

  const struct result* const result = workload_result();
  printf("churn pool=%lu fill=%lu seed=%lu", (unsigned long)pool, (unsigned long)fill,
         (unsigned long)seed);
  printf(" allocations=%lu failures=%lu", (unsigned long)result->allocations,
         (unsigned long)result->failures);
  printf(" failures_before=%lu", (unsigned long)before);
  const size_t metadata = pool_metadata(pool);
  if (metadata != SIZE_MAX) printf(" metadata=%lu", (unsigned long)metadata);
  counts_print(&result->allocate, "malloc");
  counts_print(&result->fail, "fail");
  counts_print(&result->release, "free");
  printf("\n");
  end_if_corrupt(result);
}

static int is_sustained(size_t pool, uint32_t operations, uint32_t percent, uint32_t seed) {
  begin(pool);
  workload_begin(seed);
  const uint32_t failures = workload_run_until_failure((uint64_t)pool * percent / 100, operations);
  end_if_corrupt(workload_result());
  return failures == 0;
}

// The last percentage before the first one that sees a failure, or from - 1. Steps of more than 1 %
// are quicker: they are taken while there is no failure, and what the last one skipped is searched
// one by one.
static void sustain(size_t pool, uint32_t operations, uint32_t from, uint32_t step, uint32_t seed) {
  uint32_t percent = from - 1;
  for (; step > 1; percent += step)
    if (!is_sustained(pool, operations, percent + step, seed)) break;
  while (is_sustained(pool, operations, percent + 1, seed)) percent++;
  printf("sustain pool=%lu seed=%lu percent=%lu\n", (unsigned long)pool, (unsigned long)seed,
         (unsigned long)percent);
}

static void fill(size_t pool, size_t size) {
  begin(pool);
  uint32_t blocks = 0;
  uintptr_t bits = 4096;
  for (void* block; (block = pool_allocate(size)) != NULL; blocks++) bits |= (uintptr_t)block;
  printf("fill pool=%lu size=%lu blocks=%lu alignment=%lu\n", (unsigned long)pool,
         (unsigned long)size, (unsigned long)blocks, (unsigned long)(bits & -bits));
}

// Blocks of 16 bytes all over the pool, of which every second is freed; then there is much free
// memory, and nothing of it for 64 bytes. The other half is freed at the end. The blocks are found
// through their own first words.
static void checker(size_t pool) {
  begin(pool);
  void* last = NULL;
  uint32_t blocks = 0;
  for (void* block; blocks < pool / 16 && (block = pool_allocate(16)) != NULL; blocks++) {
    *(void**)block = last;
    last = block;
  }

  void* rest = NULL;
  uint32_t worst_first_half = 0;
  for (uint32_t i = 0; last != NULL; i++) {
    void* const block = last;
    last = *(void**)block;
    if (i % 2 == 0) {
      *(void**)block = rest;
      rest = block;
      continue;
    }
    const uint32_t count = measure_release(block, 16);
    if (count > worst_first_half) worst_first_half = count;
  }

  void* large;
  const uint32_t allocate_64 = measure_allocate(64, &large);
  void* small;
  const uint32_t allocate_16 = measure_allocate(16, &small);

  uint32_t worst_second_half = 0;
  while (rest != NULL) {
    void* const block = rest;
    rest = *(void**)block;
    const uint32_t count = measure_release(block, 16);
    if (count > worst_second_half) worst_second_half = count;
  }
  printf("checker pool=%lu blocks=%lu", (unsigned long)pool, (unsigned long)blocks);
  printf(" malloc64=%lu malloc64.is_null=%d", (unsigned long)allocate_64, large == NULL);
  printf(" malloc16=%lu malloc16.is_null=%d", (unsigned long)allocate_16, small == NULL);
  printf(" free.first_half=%lu free.second_half=%lu\n", (unsigned long)worst_first_half,
         (unsigned long)worst_second_half);
}

// The largest request that a fresh pool meets, to 16 bytes, and what one that is too large costs.
static void bigone(size_t pool) {
  begin(pool);
  void* block;
  const uint32_t too_large = measure_allocate(pool + 1, &block);
  size_t bytes = block == NULL ? pool : 0;
  for (; bytes > 16; bytes -= 16) {
    block = pool_allocate(bytes);
    if (block != NULL) break;
  }
  printf("bigone pool=%lu largest=%lu fail=%lu\n", (unsigned long)pool, (unsigned long)bytes,
         (unsigned long)too_large);
}

// Sizes beside those at which arithmetic overflows: null, or a block that lies in the pool.
static void huge(size_t pool) {
  static const uint16_t distances[] = {0,  1,  2,  3,  4,  7,  8,  12,  15,  16,
                                       17, 24, 31, 32, 40, 48, 64, 100, 128, 4096};
  enum { COUNT = sizeof distances / sizeof *distances };
  const uintptr_t memory = (uintptr_t)begin(pool);
  uint32_t tried = 0;
  uint32_t wrong = 0;
  uint32_t worst = 0;
  for (unsigned shift = 0; shift < 4; shift++) {
    for (unsigned i = 0; i < 2 * COUNT; i++) {
      const size_t distance = distances[i % COUNT];
      const size_t end = SIZE_MAX >> shift;
      if (shift == 0 && i >= COUNT) continue;
      const size_t bytes = i < COUNT ? end - distance : end + distance;
      void* block;
      const uint32_t count = measure_allocate(bytes, &block);
      if (count > worst) worst = count;
      tried++;
      if (block == NULL) continue;
      const uintptr_t offset = (uintptr_t)block - memory;
      if (offset > pool || bytes > pool - offset) wrong++;
    }
  }
  printf("huge pool=%lu tried=%lu wrong=%lu worst=%lu\n", (unsigned long)pool, (unsigned long)tried,
         (unsigned long)wrong, (unsigned long)worst);
}

enum { MOST_NUMBERS = 32 };

int main(int argc, char** argv) {
  // The arguments lie in static memory. picolibc puts a name of its own in front of the program's.
  char mode[16] = "";
  uint32_t numbers[MOST_NUMBERS] = {0};
  int count = 0;
  if (argc > 2) strncpy(mode, argv[2], sizeof mode - 1);
  for (int i = 3; i < argc && count < MOST_NUMBERS; i++)
    numbers[count++] = (uint32_t)strtoul(argv[i], NULL, 10);

  if (strcmp(mode, "selftest") == 0) return selftest();
  if (strcmp(mode, "churn") == 0 && count > 3) {
    for (int i = 3; i < count; i++) churn(numbers[0], numbers[1], numbers[2], numbers[i]);
  } else if (strcmp(mode, "sustain") == 0 && count > 4) {
    for (int i = 4; i < count; i++)
      sustain(numbers[0], numbers[1], numbers[2], numbers[3], numbers[i]);
  } else if (strcmp(mode, "fill") == 0 && count > 1) {
    for (int i = 1; i < count; i++) fill(numbers[0], numbers[i]);
  } else if (strcmp(mode, "checker") == 0 && count == 1) {
    checker(numbers[0]);
  } else if (strcmp(mode, "bigone") == 0 && count == 1) {
    bigone(numbers[0]);
  } else if (strcmp(mode, "huge") == 0 && count == 1) {
    huge(numbers[0]);
  } else {
    printf("no mode, or not its arguments: %s\n", mode);
    return 2;
  }
  return 0;
}
