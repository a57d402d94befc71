// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernel's place, for tests: what it was told, and how a panic is caught.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

namespace {

jmp_buf* landing = nullptr;
char said[200] = "";
unsigned locks = 0;
bool is_in_handler = false;

// Whether f panics, and says something that has `words` in it.
template <class F>
bool panics(const char* words, F f) {
  jmp_buf here;
  landing = &here;
  said[0] = 0;
  const bool has = setjmp(here) != 0;
  if (!has) f();
  landing = nullptr;
  return has && strstr(said, words) != nullptr;
}

}  // namespace

extern "C" {

void k_panic() {
  if (landing == nullptr) abort();
  longjmp(*landing, 1);
}

void printk(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(said, sizeof said, format, arguments);
  va_end(arguments);
}

bool k_is_in_isr() {
  return is_in_handler;
}

k_spinlock_key_t test_lock(k_spinlock* lock) {
  if (lock->holders++ != 0) abort();
  return {++locks};
}
void test_unlock(k_spinlock* lock, k_spinlock_key_t key) {
  if (lock->holders-- != 1 || key.key != locks) abort();
}

}  // extern "C"
