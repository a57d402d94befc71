// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: a core that holds one register may ask for the other
#include "config.hpp"

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
using Mutex = rsb::InterruptTryLock<Mask, Register<0>, Register<0>>;
#else
using Mutex = rsb::InterruptTryLock<Mask, Register<0>, Register<1>>;
#endif

constinit rsb::Heap<Config<rsb::Options{}, GoodPages, Mutex>> heap;
