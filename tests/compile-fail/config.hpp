// SPDX-License-Identifier: MIT OR Apache-2.0
// A configuration in which everything is right, to be spoilt in one place.
#pragma once

#include "rsb/heap.hpp"

struct GoodPages {
  void* acquire(size_t, size_t) noexcept { return nullptr; }
  bool release(void*, size_t) noexcept { return true; }
};

struct GoodLock {
  void lock() noexcept {}
  void unlock() noexcept {}
};

template <rsb::Options chosen = rsb::Options{}, class Source = GoodPages, class Mutex = GoodLock>
struct Config {
  using Pages = Source;
  using Lock = Mutex;
  static constexpr rsb::Options options = chosen;
};
