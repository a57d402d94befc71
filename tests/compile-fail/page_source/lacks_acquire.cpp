// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: PageSource
// Fails with: source.acquire(bytes, alignment)
#include "config.hpp"

struct Pages {
#ifndef BROKEN
  void* acquire(size_t, size_t) noexcept {
    return nullptr;
  }
#endif
  bool release(void*, size_t) noexcept {
    return true;
  }
};

constinit rsb::Heap<Config<rsb::Options{}, Pages>> heap;
