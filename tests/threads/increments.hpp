// SPDX-License-Identifier: MIT OR Apache-2.0
// Whether a lock lets in one thread at a time.
#pragma once

#include <atomic>
#include <chrono>

#include "rsb/lock.hpp"
#include "support/parallel.hpp"

namespace threads {

// A counter that four threads increment by reading and then writing it. In between each waits a
// moment for company: two threads in there at the same time lose increments, and they meet even if
// they share a processor with much else. (Atomic, so that it is not the compiler or a data race
// that loses them.)
template <class Lock>
long lost_increments(long each) {
  using Clock = std::chrono::steady_clock;
  constexpr unsigned threads = 4;
  constexpr auto patience = std::chrono::microseconds(300);
  Lock lock;
  std::atomic<long> counter{0};
  std::atomic<int> inside{0};
  support::parallel(threads, [&](unsigned) {
    for (long i = 0; i < each; i++) {
      rsb::Guard guard(lock);
      inside.fetch_add(1, std::memory_order_relaxed);
      const long seen = counter.load(std::memory_order_relaxed);
      const auto end = Clock::now() + patience;
      while (inside.load(std::memory_order_relaxed) == 1 && Clock::now() < end) support::yield();
      counter.store(seen + 1, std::memory_order_relaxed);
      inside.fetch_sub(1, std::memory_order_relaxed);
    }
  });
  return each * threads - counter;
}

}  // namespace threads
