// SPDX-License-Identifier: MIT OR Apache-2.0
// ports/zephyr's malloc on a Cortex-M, called by a program and by a timer's handler that interrupts
// it: each frees what the other allocated, and each block has a pattern that is verified first.
#include <stdio.h>
#include <stdlib.h>
#include <zephyr/kernel.h>

#include "../../../ports/firmware/blocks.hpp"
#include "rsb/fault.hpp"

using firmware::Block;

extern "C" {
extern int (*const test_begin)(void);
void* zephyr_malloc(size_t size);
void zephyr_free(void* block);
}

namespace {

[[noreturn]] void fail(const char* why) {
  printf("FAILED: %s\n", why);
  _Exit(1);
}

volatile uint32_t& device_register(uintptr_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}

firmware::Box<8> to_handler, to_program;
volatile unsigned handled = 0, freed_by_handler = 0;

struct Work {
  firmware::Random random;

  Block allocate() {
    const uint32_t bytes = random.size(6);
    const Block block{zephyr_malloc(bytes), bytes, random.next()};
    if (block) fill(block);
    return block;
  }
  static void release(const Block& block) {
    if (!is_intact(block)) fail("a block was damaged");
    zephyr_free(block.memory);
  }
  template <class Give, class Take>
  unsigned step(Give& give, Take& taken) {
    const Block block = allocate();
    if (block && !give.put(block)) release(block);
    const Block other = taken.take();
    if (!other) return 0;
    release(other);
    return 1;
  }
};
Work program{firmware::Random(1)}, handler{firmware::Random(2)};

}  // namespace

extern "C" {

k_spinlock_key_t test_lock(k_spinlock*) {
  uint32_t before;
  asm volatile("mrs %0, primask" : "=r"(before)::"memory");
#ifndef TEST_MASKS_NOTHING
  asm volatile("cpsid i" ::: "memory");
#endif
  return {before};
}
void test_unlock(k_spinlock*, k_spinlock_key_t key) {
  asm volatile("msr primask, %0" ::"r"(key.key) : "memory");
}

bool k_is_in_isr() {
  uint32_t exception;
  asm volatile("mrs %0, ipsr" : "=r"(exception));
  return exception != 0;
}

void printk(const char* format, ...) {
  fail(format);
}
void k_panic() {
  fail("panic");
}

void arm_systick_isr() {
  freed_by_handler = freed_by_handler + handler.step(to_program, to_handler);
  handled = handled + 1;
}

}  // extern "C"

int main() {
  if (test_begin() != 0) fail("it does not begin");
  device_register(0xe000'e014) = 3'001;  // Armv7-M, B3.3
  device_register(0xe000'e018) = 0;
  device_register(0xe000'e010) = 7;
  unsigned freed = 0;
  while (handled < 5'000) freed += program.step(to_handler, to_program);
  device_register(0xe000'e010) = 0;
  firmware::Box<8>* const boxes[] = {&to_handler, &to_program};
  for (firmware::Box<8>* const box : boxes) {
    while (const Block block = box->take()) Work::release(block);
  }
  void* const whole = zephyr_malloc(CONFIG_RSB_MALLOC_ARENA_SIZE - 1'200);
  if (whole == nullptr) fail("something is left");
  if (freed < 1'000 || freed_by_handler < 1'000) fail("they have not met");
  printf("passed\n");
  return 0;
}
