// SPDX-License-Identifier: MIT OR Apache-2.0
// The reference workload: blocks of 8 to 2,048 bytes, log-uniform, with random lifetimes, while the
// live bytes stay near a target. What it asks for depends on its arguments alone, never on what the
// allocator answers: a request that failed counts as live until its turn comes to be freed, which
// then does nothing.
#ifndef RSB_BENCH_TARGET_WORKLOAD_H
#define RSB_BENCH_TARGET_WORKLOAD_H

#include <stdint.h>

#include "measure.h"

enum how { quickly, counting };  // counting: each call in instructions

struct result {
  uint32_t allocations;
  uint32_t failures;
  uint32_t corrupt;  // blocks whose first or last byte had changed when they were freed

  // With `counting` only.
  struct counts allocate;
  struct counts fail;  // allocations that were not met
  struct counts release;
};

void workload_begin(uint32_t seed);

// Each step is a call: an allocation below the target, else the release of a random live block. The
// target wobbles by 6 % around `target` bytes.
void workload_run(uint64_t target, uint32_t steps, enum how);

// Up to the first failure, without counting; the number of failures, 0 or 1.
uint32_t workload_run_until_failure(uint64_t target, uint32_t steps);

// Forgets what was counted.
void workload_clear_result(void);
const struct result* workload_result(void);

#endif
