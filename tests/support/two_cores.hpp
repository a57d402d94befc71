// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap with caches for two cores, which one thread plays both.
#pragma once

#include "support/bytes.hpp"
#include "support/worlds.hpp"

namespace support {

struct Core {
  static unsigned core() noexcept { return number; }
  static inline unsigned number = 0;
};
struct SeatsOfCores : rsb::CoreSeats<2, Core> {
  using SetLock = rsb::NoLock;
};

// As threads that move from core to core, between any two steps that are not pinned.
template <class Config>
struct Moving : Config {
  struct Seats : SeatsOfCores {
    static void pin() noexcept { depth++; }
    static void unpin() noexcept {
      if (--depth == 0 && moves != 0 && ++steps % moves == 0) Core::number ^= 1;
    }
    static inline unsigned depth = 0;
    static inline size_t moves = 0;  // each time that so many steps have been made; 0: never
    static inline size_t steps = 0;
  };
};

// Blocks of size(random) bytes come and go at random in blocks[], while the thread moves from core
// to core; none is left.
template <class TheSeats, class W, size_t count, class Size>
void use_while_moving(W& w, void* (&blocks)[count], Size size) {
  Random random(1);
  for (int i = 0; i < 20'000; i++) {
    void*& block = blocks[random.below(count)];
    if (block != nullptr) {
      w.heap.deallocate(block);
      block = nullptr;
    } else {
      block = w.heap.allocate(size(random));
    }
    TheSeats::moves = random.below(3);
  }
  TheSeats::moves = 0;
  for (void* const block : blocks) w.heap.deallocate(block);
}

template <class F>
auto on(unsigned core, F f) {
  Core::number = core;
  struct Back {
    ~Back() { Core::number = 0; }
  } const back;
  return f();
}

// How often f() takes the heap's lock.
template <class F>
unsigned locks_of(F f) {
  const unsigned before = WatchedLock::times_taken();
  f();
  return WatchedLock::times_taken() - before;
}

}  // namespace support
