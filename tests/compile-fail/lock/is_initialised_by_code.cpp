// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: const
#include "config.hpp"

int initial_state();

struct Mutex {
#ifdef BROKEN
  Mutex() noexcept : state(initial_state()) {}
#else
  constexpr Mutex() noexcept = default;
#endif
  void lock() noexcept {}
  void unlock() noexcept {}
  int state = 0;
};

constinit rsb::Heap<Config<rsb::Options{}, GoodPages, Mutex>> heap;
