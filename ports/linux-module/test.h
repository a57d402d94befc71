/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Between the files of the self-test. */
#ifndef RSB_LINUX_TEST_H
#define RSB_LINUX_TEST_H

#include <linux/types.h>

/* All return 0, or a negative error when something was wrong. */
int rsb_test_stress(unsigned seconds);
int rsb_test_exhaust(void);
int rsb_test_bench(void);

/* Marsaglia's xorshift; the state is not 0. */
static inline u32 next_random(u32* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

#endif
