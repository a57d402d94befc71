// SPDX-License-Identifier: MIT OR Apache-2.0
// A bounded queue between one producer and one consumer, without locks and without allocations.
#pragma once

#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace bench {

template <std::size_t capacity>
class Ring {
  static_assert((capacity & (capacity - 1)) == 0, "a power of two");

 public:
  void push(void* item) noexcept {
    const std::size_t at = produced_.load(std::memory_order_relaxed);
    wait_while([&] { return at - consumed_.load(std::memory_order_acquire) == capacity; });
    items_[at % capacity] = item;
    produced_.store(at + 1, std::memory_order_release);
  }

  [[nodiscard]] void* pop() noexcept {
    const std::size_t at = consumed_.load(std::memory_order_relaxed);
    wait_while([&] { return produced_.load(std::memory_order_acquire) == at; });
    void* item = items_[at % capacity];
    consumed_.store(at + 1, std::memory_order_release);
    return item;
  }

 private:
  // Spins for a while, then lets others run: the machine may have fewer cores than threads.
  template <class Condition>
  static void wait_while(Condition condition) noexcept {
    for (unsigned spins = 0; condition(); ++spins) {
      if (spins > 1000) sched_yield();
    }
  }

  alignas(64) std::atomic<std::size_t> produced_{0};
  alignas(64) std::atomic<std::size_t> consumed_{0};
  alignas(64) std::array<void*, capacity> items_{};
};

}  // namespace bench
