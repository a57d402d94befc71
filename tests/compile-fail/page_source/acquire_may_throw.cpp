// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: PageSource
// Fails with: source.acquire(bytes, alignment)
#include "config.hpp"

#ifdef BROKEN
#define MAY_THROW
#else
#define MAY_THROW noexcept
#endif
struct Pages {
  void* acquire(size_t, size_t) MAY_THROW { return nullptr; }
  bool release(void*, size_t) noexcept { return true; }
};

constinit rsb::Heap<Config<rsb::Options{}, Pages>> heap;
