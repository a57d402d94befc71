// Whether a lock lets in one thread at a time.
#pragma once

#include <atomic>

#include "rsb/lock.hpp"
#include "support/parallel.hpp"

namespace threads {

// A counter that is incremented by reading and then writing it: two threads in there at the same
// time lose increments. (Atomic, so that it is not the compiler or a data race that loses them.)
template <class Lock>
long lost_increments(long each) {
  constexpr unsigned threads = 4;
  Lock lock;
  std::atomic<long> counter{0};
  support::parallel(threads, [&](unsigned) {
    for (long i = 0; i < each; i++) {
      rsb::Guard guard(lock);
      const long seen = counter.load(std::memory_order_relaxed);
      if (i % 1024 == 0) support::yield();
      counter.store(seen + 1, std::memory_order_relaxed);
    }
  });
  return each * threads - counter;
}

}  // namespace threads
