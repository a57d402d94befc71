// SPDX-License-Identifier: MIT OR Apache-2.0
#include "measure.h"

#include <stdio.h>

#include "allocator.h"
#include "clock.h"

// Called through these, so that neither the compiler nor the linker makes the empty call a cheaper
// one.
static void* (*volatile allocate)(size_t);
static void (*volatile release)(void*, size_t);

static uint32_t empty_allocate;
static uint32_t empty_release;

__attribute__((noinline)) static void* allocate_nothing(size_t bytes) {
  __asm__ volatile("");
  return (void*)bytes;
}

__attribute__((noinline)) static void release_nothing(void* block, size_t bytes) {
  __asm__ volatile("" ::"r"(block), "r"(bytes));
}

__attribute__((noinline)) static uint32_t time_allocate(size_t bytes, void** block) {
  void* (*const function)(size_t) = allocate;
  const uint64_t before = clock_read();
  void* const result = function(bytes);
  const uint64_t after = clock_read();
  *block = result;
  return (uint32_t)clock_instructions(before, after);
}

__attribute__((noinline)) static uint32_t time_release(void* block, size_t bytes) {
  void (*const function)(void*, size_t) = release;
  const uint64_t before = clock_read();
  function(block, bytes);
  const uint64_t after = clock_read();
  return (uint32_t)clock_instructions(before, after);
}

static uint32_t less(uint32_t count, uint32_t empty) {
  return count > empty ? count - empty : 0;
}

void measure_calibrate(void) {
  allocate = allocate_nothing;
  release = release_nothing;
  empty_allocate = UINT32_MAX;
  empty_release = UINT32_MAX;
  for (int i = 0; i < 64; i++) {
    void* block;
    const uint32_t a = time_allocate(8, &block);
    const uint32_t r = time_release(block, 8);
    if (a < empty_allocate) empty_allocate = a;
    if (r < empty_release) empty_release = r;
  }
  allocate = pool_allocate;
  release = pool_release;
}

uint32_t measure_allocate(size_t bytes, void** block) {
  return less(time_allocate(bytes, block), empty_allocate);
}

uint32_t measure_release(void* block, size_t bytes) {
  return less(time_release(block, bytes), empty_release);
}

uint32_t measure(void (*function)(void*, size_t), void* first, size_t second) {
  release = function;
  const uint32_t count = measure_release(first, second);
  release = pool_release;
  return count;
}

void counts_add(struct counts* counts, uint32_t count) {
  counts->calls++;
  counts->sum += count;
  if (count > counts->worst) counts->worst = count;
  counts->of[count < COUNTS_APART ? count : COUNTS_APART - 1]++;
}

uint32_t counts_quantile(const struct counts* counts, uint32_t per_mille) {
  const uint64_t rank = (uint64_t)counts->calls * per_mille / 1000;
  uint64_t below = 0;
  for (uint32_t i = 0; i < COUNTS_APART - 1; i++) {
    below += counts->of[i];
    if (below > rank) return i;
  }
  return counts->worst;
}

void counts_print(const struct counts* counts, const char* name) {
  if (counts->calls == 0) return;
  const uint32_t mean = (uint32_t)((counts->sum * 100 + counts->calls / 2) / counts->calls);
  printf(" %s.calls=%lu", name, (unsigned long)counts->calls);
  printf(" %s.mean=%lu", name, (unsigned long)mean);
  printf(" %s.p50=%lu", name, (unsigned long)counts_quantile(counts, 500));
  printf(" %s.p999=%lu", name, (unsigned long)counts_quantile(counts, 999));
  printf(" %s.worst=%lu", name, (unsigned long)counts->worst);
}
