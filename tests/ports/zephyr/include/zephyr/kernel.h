// SPDX-License-Identifier: MIT OR Apache-2.0
// A stand-in for Zephyr's header: the names that ports/zephyr uses. What they do is the tests'.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zephyr/sys/util.h>

#ifdef __cplusplus
extern "C" {
#endif

#define __noinit
#define __aligned(x) __attribute__((__aligned__(x)))

struct k_spinlock {
  int holders;
};
typedef struct {
  uint32_t key;
} k_spinlock_key_t;

k_spinlock_key_t test_lock(struct k_spinlock* lock);
void test_unlock(struct k_spinlock* lock, k_spinlock_key_t key);
static inline k_spinlock_key_t k_spin_lock(struct k_spinlock* lock) {
  return test_lock(lock);
}
static inline void k_spin_unlock(struct k_spinlock* lock, k_spinlock_key_t key) {
  test_unlock(lock, key);
}

bool k_is_in_isr(void);
void k_panic(void);

#ifdef __cplusplus
}
#endif
