// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: caches of several cores need atomic instructions that all of them see
#include "config.hpp"
#include "rsb/cached_heap.hpp"

struct Core {
  static unsigned core() noexcept { return 0; }
};

struct Mask {
  using State = int;
  static State mask() noexcept { return 0; }
  static void restore(State) noexcept {}
};

template <int>
struct Register {
  static bool try_take() noexcept { return true; }
  static void give_back() noexcept {}
};

#ifdef BROKEN
using Mutex = rsb::InterruptTryLock<Mask, Register<0>, Register<1>>;
#else
using Mutex = rsb::InterruptSpinLock<Mask>;
#endif

struct Cached : Config<rsb::Options{}, GoodPages, Mutex> {
  using Seats = rsb::CoreSeats<2, Core>;
};

constinit rsb::CachedHeap<Cached> heap;
