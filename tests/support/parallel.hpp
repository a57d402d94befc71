// SPDX-License-Identifier: MIT OR Apache-2.0
// Work done by several threads at once; on bare metal, by several cores.
#pragma once

#if __has_include("rsb/port/cores.hpp")
#include <stdlib.h>

#include "rsb/arch.hpp"
#include "rsb/port/cores.hpp"
#else
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>
#endif

namespace support {

// max_parallel(): how many can be at work at once.
// parallel(count, work): work(0) … work(count - 1) at once, work(0) by the caller; ends when all
// have.
//   On bare metal the others may neither use the C library's heap nor doctest.
// yield(): for one who waits for another.
// rest(): for one who would otherwise be at work more often than it is good for; not on bare metal.

#if __has_include("rsb/port/cores.hpp")

inline unsigned max_parallel() {
  return rsb::port::cores();
}

template <class Work>
void parallel(unsigned count, Work work) {
  struct Share {
    Work* work;
    unsigned index;
    unsigned* missing;

    void run() {
      __atomic_fetch_sub(missing, 1, __ATOMIC_ACQ_REL);
      while (__atomic_load_n(missing, __ATOMIC_ACQUIRE) != 0) rsb::spin_hint();
      (*work)(index);
    }
  };
  Share shares[rsb::port::most_cores];
  unsigned missing = count;
  if (count > max_parallel()) abort();
  for (unsigned i = 0; i < count; i++) {
    shares[i] = {&work, i, &missing};
    const auto run = [](void* share) { static_cast<Share*>(share)->run(); };
    if (i != 0 && !rsb::port::start_core(i, run, &shares[i])) abort();
  }
  shares[0].run();
  for (unsigned i = 1; i < count; i++) rsb::port::wait_for_core(i);
}

inline void yield() {
  rsb::spin_hint();
}

inline void rest() {}

#else

inline unsigned max_parallel() {
  return 64;
}

template <class Work>
void parallel(unsigned count, Work work) {
  // Not a std::latch, whose waiters were seen to sleep on after the last arrival (mingw-w64 with
  // GCC 12).
  std::atomic<unsigned> missing{count};
  const auto run = [&](unsigned i) {
    missing--;
    while (missing != 0) std::this_thread::yield();
    work(i);
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < count; i++) threads.emplace_back(run, i);
  run(0);
}

inline void yield() {
  std::this_thread::yield();
}

inline void rest() {
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
}

#endif

}  // namespace support
