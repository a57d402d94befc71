// SPDX-License-Identifier: MIT OR Apache-2.0
// The spinlocks of rsb/lock.hpp, without threads: those are in tests/threads. Not for processors
// that have no atomic instructions: there spinlocks do not link.
#include "rsb/lock.hpp"

#include "support/masked.hpp"
#include "support/test.hpp"
#include "support/watched_lock.hpp"

using namespace rsb;
using support::Masked;
using support::Waiting;

namespace {

constinit BasicSpinLock<Waiting> contended;

}  // namespace

TEST_CASE("a spinlock is a word, and can be taken again once it is given back") {
  SpinLock lock;
  CHECK(sizeof lock == sizeof(unsigned));
  for (int i = 0; i < 3; i++) {
    lock.lock();
    lock.unlock();
  }
}

TEST_CASE("a lock that may be tried is taken only if it is free, any other always") {
  SpinLock spin;
  CHECK(take_if_free(spin));
  CHECK_FALSE(take_if_free(spin));
  spin.unlock();
  CHECK(take_if_free(spin));
  support::WatchedLock always;
  static_assert(!TryLock<support::WatchedLock>);
  CHECK(take_if_free(always));
  CHECK(always.is_held());
  always.unlock();
}

TEST_CASE("whoever finds the lock taken waits until its holder gives it back") {
  Waiting::reset();
  contended.lock();
  Waiting::act = [](unsigned round) {
    if (round == 3) contended.unlock();
  };
  contended.lock();
  CHECK(Waiting::rounds == 4);
  CHECK(Waiting::in_order);

  // And now it is taken again.
  Waiting::reset();
  Waiting::act = [](unsigned) { contended.unlock(); };
  contended.lock();
  CHECK(Waiting::rounds == 1);
  contended.unlock();
}

TEST_CASE("a lock that nobody holds is taken without waiting") {
  Waiting::reset();
  contended.lock();
  contended.unlock();
  CHECK(Waiting::rounds == 0);
}

TEST_CASE("a spinlock that masks interrupts keeps masked what was masked") {
  InterruptSpinLock<Masked> lock;
  for (const int before : {0, 3, 7}) {
    Masked::level = before;
    lock.lock();
    CHECK(Masked::level == 7);
    lock.unlock();
    CHECK(Masked::level == before);
    CHECK(lock.try_lock());
    CHECK(Masked::level == 7);
    lock.unlock();
    CHECK(Masked::level == before);
  }
  Masked::level = 0;
}

TEST_CASE("who does not get the lock has interrupts as before") {
  InterruptSpinLock<Masked> lock;
  Masked::level = 2;
  CHECK(lock.try_lock());
  Masked::level = 1;  // as on another core
  CHECK_FALSE(lock.try_lock());
  CHECK(Masked::level == 1);
  lock.unlock();
  CHECK(Masked::level == 2);
  Masked::level = 0;
}

TEST_CASE("who gives back the lock has interrupts as before, though it is another one's at once") {
  using Act = void (*)();
  static constinit Act taken_at_once = nullptr;
  struct Contended {
    bool try_lock() noexcept { return !taken && (taken = true); }
    void unlock() noexcept {
      taken = false;
      if (taken_at_once != nullptr) taken_at_once();
    }
    bool taken = false;
  };
  static constinit MaskingLock<Masked, Contended, Waiting> lock;
  Masked::level = 2;
  CHECK(lock.try_lock());
  taken_at_once = [] {  // by another core, which has masked nothing
    taken_at_once = nullptr;
    Masked::level = 0;
    CHECK(lock.try_lock());
  };
  lock.unlock();
  CHECK(Masked::level == 2);
  lock.unlock();
  CHECK(Masked::level == 0);
}

TEST_CASE("who waits for a lock that masks interrupts lets them in meanwhile") {
  static constinit InterruptSpinLock<Masked, Waiting> lock;
  static constinit bool let_in = true;
  Waiting::reset();
  Masked::level = 0;
  lock.lock();
  Masked::level = 1;  // as on another core
  Waiting::act = [](unsigned round) {
    let_in = let_in && Masked::level == 1;
    if (round != 5) return;
    lock.unlock();
    Masked::level = 1;
  };
  lock.lock();
  CHECK(let_in);
  CHECK(Waiting::rounds >= 5);
  CHECK(Masked::level == 7);
  lock.unlock();
  CHECK(Masked::level == 1);
  Masked::level = 0;
  Waiting::reset();
}
