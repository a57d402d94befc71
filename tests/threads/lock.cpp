// SPDX-License-Identifier: MIT OR Apache-2.0
// The locks themselves.
#include "rsb/lock.hpp"

#include <atomic>

#include "support/parallel.hpp"
#include "support/test.hpp"
#include "threads/increments.hpp"

namespace {

struct CountingWait {
  static inline std::atomic<unsigned> calls{0};
  static inline std::atomic<bool> in_order{true};
  static void wait(unsigned round) noexcept {
    if (round != calls.fetch_add(1)) in_order = false;
    support::yield();
  }
};

}  // namespace

TEST_CASE("without a lock increments are lost") {
  long lost = 0;
  for (int attempt = 0; attempt < 10 && lost == 0; attempt++) {
    lost = threads::lost_increments<rsb::NoLock>(100);
  }
  CHECK(lost > 0);
}

TEST_CASE("a lock lets one thread in at a time") {
  CHECK(threads::lost_increments<rsb::SpinLock>(100) == 0);
}

TEST_CASE("what one holder writes the next one sees") {
  static long plain = 0;  // not atomic: a race here is one for the thread sanitizer to find
  rsb::SpinLock lock;
  constexpr unsigned threads = 4;
  constexpr long each = 50'000;
  support::parallel(threads, [&](unsigned) {
    for (long i = 0; i < each; i++) {
      rsb::Guard guard(lock);
      plain++;
    }
  });
  CHECK(plain == threads * each);
}

TEST_CASE("a waiter asks to wait, round after round, while the lock stays taken") {
  rsb::BasicSpinLock<CountingWait> lock;
  lock.lock();
  support::parallel(2, [&](unsigned me) {
    if (me == 0) {
      while (CountingWait::calls < 100) support::yield();
    } else {
      lock.lock();
    }
    lock.unlock();
  });
  CHECK(CountingWait::in_order);
}

TEST_CASE("an uncontended lock never waits") {
  CountingWait::calls = 0;
  rsb::BasicSpinLock<CountingWait> lock;
  for (int i = 0; i < 1000; i++) rsb::Guard guard(lock);
  CHECK(CountingWait::calls == 0);
}
