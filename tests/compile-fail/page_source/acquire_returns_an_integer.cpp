// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: PageSource
// Fails with: SameAs
#include "config.hpp"

struct Pages {
#ifdef BROKEN
  size_t acquire(size_t, size_t) noexcept {
    return 0;
  }
#else
  void* acquire(size_t, size_t) noexcept {
    return nullptr;
  }
#endif
  bool release(void*, size_t) noexcept {
    return true;
  }
};

constinit rsb::Heap<Config<rsb::Options{}, Pages>> heap;
