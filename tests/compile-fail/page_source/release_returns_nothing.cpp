// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: PageSource
// Fails with: SameAs
#include "config.hpp"

struct Pages {
  void* acquire(size_t, size_t) noexcept { return nullptr; }
#ifdef BROKEN
  void release(void*, size_t) noexcept {}
#else
  bool release(void*, size_t) noexcept {
    return true;
  }
#endif
};

constinit rsb::Heap<Config<rsb::Options{}, Pages>> heap;
