// SPDX-License-Identifier: MIT OR Apache-2.0
// Finds, by bisection, the smallest pool in which the program that it is linked with ends well; for
// each seed prints "pool seed=… bytes=… digest=…".
//
//   driver STEP MOST SEED...       pools are multiples of STEP up to MOST, in bytes
//
// Bytes are 0 if MOST is too little. Ends with 3 if the program goes wrong otherwise than by want
// of memory.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/reallocate.h"
#include "board.h"
#include "program.h"

// The same in all images, so that what a program makes of addresses is so too.
#define POOL_ALIGNMENT ((uintptr_t)8 << 20)

static jmp_buf* out_of_memory;

void* program_reallocate(void* block, size_t bytes) {
  if (bytes == 0) {
    if (block != NULL) pool_release(block, 0);
    return NULL;
  }
  return block == NULL ? pool_allocate(bytes) : pool_reallocate(block, bytes);
}

void* demand_again(void* block, size_t bytes) {
  block = program_reallocate(block, bytes == 0 ? 1 : bytes);
  if (block == NULL) longjmp(*out_of_memory, 1);
  return block;
}

void* demand(size_t bytes) {
  return demand_again(NULL, bytes);
}

void* demand_zeroed(size_t count, size_t bytes) {
  void* const block = demand(count * bytes);
  return memset(block, 0, count * bytes);
}

void give_back(void* block) {
  program_reallocate(block, 0);
}

// All static variables begin anew, the program's, the allocator's and those here.
static int ends_well(uint32_t pool, uint32_t seed, uint32_t* digest) {
  board_restart();
  const uintptr_t memory = (uintptr_t)board_pool(pool + POOL_ALIGNMENT);
  void* const aligned = (void*)((memory + POOL_ALIGNMENT - 1) & ~(POOL_ALIGNMENT - 1));
  memset(aligned, 0x55, pool);
  pool_init(aligned, pool);

  jmp_buf end;
  out_of_memory = &end;
  if (setjmp(end) != 0) return 0;
  *digest = 0;
  const enum outcome outcome = program_run(seed, digest);
  if (outcome == WRONG) {
    printf("the program went wrong: pool %lu, seed %lu\n", (unsigned long)pool,
           (unsigned long)seed);
    exit(3);
  }
  return outcome == DONE;
}

static void bisect(uint32_t step, uint32_t most, uint32_t seed) {
  uint32_t digest = 0;
  uint32_t too_small = 0;
  uint32_t enough = most / step;
  if (!ends_well(enough * step, seed, &digest)) enough = 0;
  while (too_small + 1 < enough) {
    const uint32_t middle = too_small + (enough - too_small) / 2;
    uint32_t found;
    if (!ends_well(middle * step, seed, &found)) {
      too_small = middle;
      continue;
    }
    enough = middle;
    if (found != digest) {
      printf("the results depend on the pool's size: seed %lu\n", (unsigned long)seed);
      exit(3);
    }
  }
  printf("pool seed=%lu bytes=%lu digest=%lu\n", (unsigned long)seed,
         (unsigned long)(enough * step), (unsigned long)digest);
}

int main(int argc, char** argv) {
  // picolibc puts a name of its own in front of the program's. The arguments lie in static memory.
  enum { MOST_NUMBERS = 66 };
  uint32_t numbers[MOST_NUMBERS];
  int count = 0;
  for (int i = 2; i < argc && count < MOST_NUMBERS; i++)
    numbers[count++] = (uint32_t)strtoul(argv[i], NULL, 10);
  if (count < 3 || numbers[0] == 0) {
    printf("needs a step, the largest pool, and seeds\n");
    return 2;
  }
  for (int i = 2; i < count; i++) bisect(numbers[0], numbers[1], numbers[i]);
  return 0;
}
