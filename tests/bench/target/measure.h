// SPDX-License-Identifier: MIT OR Apache-2.0
// Calls of the allocator, counted in instructions, and what becomes of the counts.
#ifndef RSB_BENCH_TARGET_MEASURE_H
#define RSB_BENCH_TARGET_MEASURE_H

#include <stddef.h>
#include <stdint.h>

// Without this, and with a clock that stands still, all counts are 0.
void measure_calibrate(void);

// Instructions of one call, its return not counted: what the call of a function that only returns
// costs is subtracted.
uint32_t measure_allocate(size_t bytes, void** block);
uint32_t measure_release(void* block, size_t bytes);

// The same for another function.
uint32_t measure(void (*function)(void*, size_t), void* first, size_t second);

enum { COUNTS_APART = 16384 };  // larger counts are known by their sum and the largest

struct counts {
  uint32_t calls;
  uint64_t sum;
  uint32_t worst;
  uint32_t of[COUNTS_APART];
};

void counts_add(struct counts*, uint32_t count);

// Below which `per_mille` of the calls lie.
uint32_t counts_quantile(const struct counts*, uint32_t per_mille);

// " NAME.calls=… NAME.mean=… NAME.p50=… NAME.p999=… NAME.worst=…", the mean in hundredths; nothing
// without calls.
void counts_print(const struct counts*, const char* name);

#endif
