// The locks themselves.
#include <doctest/doctest.h>

#include <time.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "rsb/lock.hpp"
#include "rsb/platform.hpp"

namespace {

// A counter that is incremented by reading and then writing it: two threads in there at the same
// time lose increments. (Atomic, so that it is not the compiler or a data race that loses them.)
template <class Lock>
long lost_increments(long each, unsigned threads = 3) {
  Lock lock;
  std::atomic<long> counter{0};
  {
    std::vector<std::jthread> workers;
    for (unsigned t = 0; t < threads; t++) {
      workers.emplace_back([&] {
        for (long i = 0; i < each; i++) {
          rsb::Guard guard(lock);
          const long seen = counter.load(std::memory_order_relaxed);
          if (i % 1024 == 0) std::this_thread::yield();
          counter.store(seen + 1, std::memory_order_relaxed);
        }
      });
    }
  }
  return each * threads - counter;
}

struct CountingWait {
  static inline std::atomic<unsigned> calls{0};
  static inline std::atomic<bool> in_order{true};
  static void wait(unsigned round) noexcept {
    if (round != calls.fetch_add(1)) in_order = false;
    std::this_thread::yield();
  }
};

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

TEST_CASE("without a lock increments are lost") {
  long lost = 0;
  for (int attempt = 0; attempt < 100 && lost == 0; attempt++) {
    lost = lost_increments<rsb::NoLock>(100'000);
  }
  CHECK(lost > 0);
}

TEST_CASE_TEMPLATE("a lock lets one thread in at a time", Lock, rsb::SpinLock,
                   rsb::BasicSpinLock<rsb::platform::YieldThenSleep>, rsb::platform::Lock) {
  CHECK(lost_increments<Lock>(50'000) == 0);
}

TEST_CASE("what one holder writes the next one sees") {
  static long plain = 0;  // not atomic: a race here is one for the thread sanitizer to find
  rsb::SpinLock lock;
  constexpr long each = 50'000;
  const auto work = [&] {
    for (long i = 0; i < each; i++) {
      rsb::Guard guard(lock);
      plain++;
    }
  };
  {
    std::jthread one(work);
    std::jthread other(work);
  }
  CHECK(plain == 2 * each);
}

TEST_CASE("a waiter asks to wait, round after round, while the lock stays taken") {
  rsb::BasicSpinLock<CountingWait> lock;
  lock.lock();
  std::thread waiter([&] {
    lock.lock();
    lock.unlock();
  });
  while (CountingWait::calls < 100) std::this_thread::yield();
  lock.unlock();
  waiter.join();
  CHECK(CountingWait::in_order);
}

TEST_CASE("an uncontended lock never waits") {
  CountingWait::calls = 0;
  rsb::BasicSpinLock<CountingWait> lock;
  for (int i = 0; i < 1000; i++) rsb::Guard guard(lock);
  CHECK(CountingWait::calls == 0);
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

// Signal handlers may fork while their thread is inside malloc, and other threads may fork
// meanwhile: the C library does not serialise fork handlers.
TEST_CASE("a fork in another thread does not open the lock of a thread that forks inside it") {
  rsb::platform::Lock lock;
  std::atomic<bool> forked{false};
  std::atomic<bool> entered{false};
  std::jthread other([&] {
    while (!forked) std::this_thread::yield();
    lock.lock_for_fork();
    entered = true;
    lock.unlock_in_parent();
  });
  lock.lock();
  lock.lock_for_fork();
  forked = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  lock.unlock_in_parent();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_FALSE(entered);
  lock.unlock();
  other.join();
  CHECK(entered);
}
