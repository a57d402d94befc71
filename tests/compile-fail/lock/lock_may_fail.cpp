// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Lock
// Fails with: SameAs
#include "config.hpp"

struct Mutex {
#ifdef BROKEN
  bool lock() noexcept {
    return false;
  }
#else
  void lock() noexcept {}
#endif
  void unlock() noexcept {}
};

constinit rsb::Heap<Config<rsb::Options{}, GoodPages, Mutex>> heap;
