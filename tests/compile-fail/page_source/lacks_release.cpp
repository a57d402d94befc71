// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: PageSource
// Fails with: source.release(base, bytes)
#include "config.hpp"

struct Pages {
  void* acquire(size_t, size_t) noexcept { return nullptr; }
#ifndef BROKEN
  bool release(void*, size_t) noexcept {
    return true;
  }
#endif
};

constinit rsb::Heap<Config<rsb::Options{}, Pages>> heap;
