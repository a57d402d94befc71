// SPDX-License-Identifier: MIT OR Apache-2.0
// The locks that ask the system to let others go first.
#include <time.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "rsb/lock.hpp"
#include "rsb/platform.hpp"
#include "support/test.hpp"
#include "threads/increments.hpp"

namespace {

double processor_seconds_of_this_thread() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// How many seconds a waiter computes while the holder sleeps with the lock for half a second.
template <class Lock>
double seconds_burnt_behind_a_sleeper() {
  Lock lock;
  double burnt = 0;
  std::atomic<bool> started{false};
  std::jthread waiter;
  {
    // The holder must not be the only thread: a lock may be free of atomics then.
    waiter = std::jthread([&] {
      while (!started) std::this_thread::yield();
      const double before = processor_seconds_of_this_thread();
      lock.lock();
      burnt = processor_seconds_of_this_thread() - before;
      lock.unlock();
    });
    rsb::Guard guard(lock);
    started = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  waiter.join();
  return burnt;
}

}  // namespace

TEST_CASE_TEMPLATE("a lock lets one thread in at a time", Lock,
                   rsb::BasicSpinLock<rsb::platform::YieldThenSleep>, rsb::platform::Lock) {
  CHECK(threads::lost_increments<Lock>(100) == 0);
}

TEST_CASE_TEMPLATE("a waiter behind a sleeping holder leaves the processor to others", Lock,
                   rsb::BasicSpinLock<rsb::platform::YieldThenSleep>, rsb::platform::Lock) {
  CHECK(seconds_burnt_behind_a_sleeper<Lock>() < 0.15);
}

TEST_CASE("a guard's lock is free while it is given up") {
  rsb::SpinLock lock;
  rsb::Guard guard(lock);
  {
    rsb::Unlocked unlocked(guard);
    std::thread([&] { rsb::Guard other(lock); }).join();
  }
  std::atomic<bool> entered{false};
  std::jthread waiter([&] {
    rsb::Guard other(lock);
    entered = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(entered);
  rsb::Unlocked unlocked(guard);
  waiter.join();
}
