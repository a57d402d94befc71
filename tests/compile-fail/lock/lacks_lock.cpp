// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Lock
// Fails with: l.lock()
#include "config.hpp"

struct Mutex {
#ifdef BROKEN
  void acquire() noexcept {}
#else
  void lock() noexcept {}
#endif
  void unlock() noexcept {}
};

constinit rsb::Heap<Config<rsb::Options{}, GoodPages, Mutex>> heap;
