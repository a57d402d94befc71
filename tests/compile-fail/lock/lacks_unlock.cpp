// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Lock
// Fails with: l.unlock()
#include "config.hpp"

struct Mutex {
  void lock() noexcept {}
#ifndef BROKEN
  void unlock() noexcept {}
#endif
};

constinit rsb::Heap<Config<rsb::Options{}, GoodPages, Mutex>> heap;
