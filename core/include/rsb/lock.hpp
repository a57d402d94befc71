// SPDX-License-Identifier: MIT OR Apache-2.0
// The lock of a heap is a policy: any type with lock() and unlock(). Here: what it must satisfy, a
// spinlock, no lock at all, both with interrupts masked, and registers that devices have for it.
#pragma once

#include "rsb/arch.hpp"
#include "rsb/internal/machine/bits.hpp"

namespace rsb {

// lock() waits until the lock is this caller's; neither allocates, throws nor fails. A heap is
// constant-initialised, so a lock must be too.
template <class L>
concept Lock = requires(L l) {
  { l.lock() }
  noexcept->SameAs<void>;
  { l.unlock() }
  noexcept->SameAs<void>;
};

// For one thread and no interrupt handler that allocates: costs nothing.
class NoLock {
 public:
  static constexpr bool never_waits = true;

  void lock() noexcept {}
  void unlock() noexcept {}
};

// What a waiter does once it has paused long enough that the holder has probably been preempted.
// A system with a scheduler replaces it by something that gives up the processor.
struct KeepSpinning {
  static void wait(unsigned /*round*/) noexcept { spin_hint(); }
};

// The same for systems that have one: a Scheduler has yield() and sleep(microseconds). Gives the
// processor to whoever holds the lock; after some rounds sleeps, since yielding does nothing for a
// holder of lower priority. Each nap is twice as long as the last one, up to 12.8 ms. Naps of one
// length would do for some threads; hundreds of them wake so often that a holder who was preempted
// does not get a processor again, and the more of them wait the longer it takes.
template <class Scheduler>
struct YieldThenSleep {
  static constexpr unsigned yields = 16;
  static constexpr unsigned first_nap = 50;  // microseconds
  static constexpr unsigned doublings = 8;

  static void wait(unsigned round) noexcept {
    if (round < yields) return Scheduler::yield();
    const unsigned nap = round - yields;
    Scheduler::sleep(first_nap << (nap < doublings ? nap : doublings));
  }
};

// Pauses, twice as many each time, up to 1,024, while the lock is seen taken; then
// Wait::wait(round) with round = 0, 1, 2, … Back-off keeps waiters off the cache line that the
// holder needs (Anderson, "The performance of spin lock alternatives", 1990): two threads on two
// cores keep 0.6-0.8 of one thread's throughput with it and 0.15 without.
template <class Wait>
class BackOff {
 public:
  void pause() noexcept {
    if (pauses_ > most_pauses) return Wait::wait(round_++);
    for (unsigned i = 0; i < pauses_; i++) spin_hint();
    pauses_ *= 2;
  }

 private:
  static constexpr unsigned most_pauses = 1024;
  unsigned pauses_ = 1;
  unsigned round_ = 0;
};

// Test-and-test-and-set. Uncontended: one atomic exchange to lock, one store to unlock. Not fair,
// not recursive, and not safe against an interrupt handler of the same core that takes it too.
template <class Wait>
class BasicSpinLock {
 public:
  constexpr BasicSpinLock() noexcept = default;

  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      wait();
  }

  bool try_lock() noexcept { return __atomic_exchange_n(&taken_, 1u, __ATOMIC_ACQUIRE) == 0; }

  void unlock() noexcept { store_release(&taken_, 0u); }

  // A hint: it may be otherwise already.
  bool is_taken() const noexcept { return load_relaxed(&taken_) != 0; }

 private:
  [[gnu::noinline, gnu::cold]] void wait() noexcept {
    BackOff<Wait> back_off;
    do {
      while (is_taken()) back_off.pause();
    } while (!try_lock());
  }

  unsigned taken_ = 0;  // a word: byte-wide exchange is a library call on some targets
};

using SpinLock = BasicSpinLock<KeepSpinning>;

// How a core's interrupts are masked: two functions of a few instructions each. arch.hpp has them
// for some processors, as CoreInterrupts. mask() returns what restore() is to be given, so that
// what was masked already stays masked.
template <class I>
concept Interrupts = requires(typename I::State before) {
  { I::mask() }
  noexcept->SameAs<typename I::State>;
  { I::restore(before) }
  noexcept->SameAs<void>;
};

// For one core whose interrupt handlers allocate and free: holds them off while the heap is at
// work, never waits, and needs no atomic instructions. Not for several cores: masking stops only
// this one.
template <Interrupts I>
class InterruptLock {
 public:
  static constexpr bool never_waits = true;

  constexpr InterruptLock() noexcept = default;

  void lock() noexcept {
    // Nobody comes in between: what is stored here is stored with interrupts masked.
    const typename I::State before = I::mask();
    before_ = before;
  }
  void unlock() noexcept { I::restore(before_); }

 private:
  typename I::State before_{};
};

// For several cores whose interrupt handlers allocate and free: a lock L that can be tried, whose
// holder no interrupt of its own core disturbs. Who waits lets interrupts in again, as far as they
// were before.
template <Interrupts I, class L, class Wait>
class MaskingLock {
 public:
  constexpr MaskingLock() noexcept = default;

  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      wait();
  }

  bool try_lock() noexcept {
    const typename I::State before = I::mask();
    if (lock_.try_lock()) [[likely]] {
      before_ = before;
      return true;
    }
    I::restore(before);
    return false;
  }

  void unlock() noexcept {
    const typename I::State before = before_;  // the next holder's from the next line on
    lock_.unlock();
    I::restore(before);
  }

 private:
  [[gnu::noinline, gnu::cold]] void wait() noexcept {
    BackOff<Wait> back_off;
    do {
      if constexpr (requires { lock_.is_taken(); }) {
        while (lock_.is_taken()) back_off.pause();
      } else {
        back_off.pause();
      }
    } while (!try_lock());
  }

  L lock_;
  typename I::State before_{};
};

template <Interrupts I, class Wait = KeepSpinning>
using InterruptSpinLock = MaskingLock<I, BasicSpinLock<Wait>, Wait>;

// A register of a device that lets one core in: true from try_take() means that it is this core's
// until give_back(). Two functions of a load and a store each.
template <class R>
concept LockRegister = requires {
  { R::try_take() }
  noexcept->SameAs<bool>;
  { R::give_back() }
  noexcept->SameAs<void>;
};

// It as a lock: what its holders do to memory stays between taking it and giving it back.
template <LockRegister R>
class RegisterLock {
 public:
  constexpr RegisterLock() noexcept = default;

  bool try_lock() noexcept {
    if (!R::try_take()) return false;
    device_fence();
    return true;
  }
  void unlock() noexcept {
    device_fence();
    R::give_back();
  }
};

// For several cores without atomic instructions that all of them see, which have registers for it
// instead, as an RP2040 has: a spinlock whose holder no interrupt of its own core disturbs. One
// register is the heap's lock. The other one is held, for a few dozen instructions at a time, by
// who releases a block without waiting for the first, and by who takes such blocks over; heaps may
// share it.
template <Interrupts I, LockRegister Heaps, LockRegister Pushes, class Wait = KeepSpinning>
class InterruptTryLock : public MaskingLock<I, RegisterLock<Heaps>, Wait> {
  static_assert(!SameAs<Heaps, Pushes>, "a core that holds one register may ask for the other");

 public:
  using PushLock = MaskingLock<I, RegisterLock<Pushes>, Wait>;

  PushLock& push_lock() noexcept { return push_lock_; }

 private:
  PushLock push_lock_;
};

// A lock of several cores that have no atomic instructions (see the end of arch.hpp) has another
// one besides, push_lock(): for all that deallocate_nowait() would else do by these. Its holder
// waits for nothing, and no handler that calls the heap interrupts it.
template <class L>
concept HasPushLock = requires(L l) {
  { l.push_lock().lock() }
  noexcept->SameAs<void>;
  { l.push_lock().unlock() }
  noexcept->SameAs<void>;
};

// Holds a lock's push_lock(), if it has one, for a scope.
template <class L>
class PushGuard {
 public:
  explicit PushGuard(L&) noexcept {}
};
template <HasPushLock L>
class PushGuard<L> {
 public:
  explicit PushGuard(L& the_lock) noexcept : lock_(the_lock) { lock_.push_lock().lock(); }
  ~PushGuard() { lock_.push_lock().unlock(); }
  PushGuard(const PushGuard&) = delete;
  PushGuard& operator=(const PushGuard&) = delete;

 private:
  L& lock_;
};

// A lock may also have try_lock(): true if it is now the caller's. Fast paths use it, so that they
// need no stack frame for the case of waiting, which they leave to a slow path.
template <class L>
concept TryLock = Lock<L> && requires(L l) {
  { l.try_lock() }
  noexcept->SameAs<bool>;
};

// Takes the lock if it is free; one without try_lock(), always.
template <Lock L>
[[gnu::always_inline]] inline bool take_if_free(L& lock) noexcept {
  if constexpr (TryLock<L>) {
    return lock.try_lock();
  } else {
    lock.lock();
    return true;
  }
}

// Gives up what take_if_free() took: by unlock_after_try(), if the lock has one since its unlock()
// does more than try_lock() calls for.
template <Lock L>
[[gnu::always_inline]] inline void give_up_taken(L& lock) noexcept {
  if constexpr (TryLock<L> && requires { lock.unlock_after_try(); }) {
    lock.unlock_after_try();
  } else {
    lock.unlock();
  }
}

// A lock whose lock() never waits says so: never_waits is true.
template <class L>
concept NeverWaits = Lock<L> && requires {
  requires L::never_waits;
};

// A lock whose try_lock() is not for a handler that may have interrupted the holder has another for
// those: try_lock_in_handler().
template <class L>
concept KnowsHandlers = Lock<L> && requires(L l) {
  { l.try_lock_in_handler() }
  noexcept->SameAs<bool>;
};

// A lock may be held while the process forks. From lock_for_fork() or try_lock_for_fork(), or
// hold_for_fork() by who holds the lock already, to unlock_in_parent() or reset_in_child(), the
// thread that forks keeps all others out but is inside no call: it may lock and unlock as before.
// is_held_for_fork(): by the calling thread. A fork within the fork, in a signal handler, leaves
// the lock as it found it, and the child of that one has it free; but such a handler must not come
// while unlock_in_parent() or reset_in_child() runs.
template <class L>
concept KnowsFork = Lock<L> && requires(L l) {
  { l.lock_for_fork() }
  noexcept->SameAs<void>;
  { l.try_lock_for_fork() }
  noexcept->SameAs<bool>;
  { l.hold_for_fork() }
  noexcept->SameAs<void>;
  { l.is_held_for_fork() }
  noexcept->SameAs<bool>;
  { l.unlock_in_parent() }
  noexcept->SameAs<void>;
  { l.reset_in_child() }
  noexcept->SameAs<void>;
};

// Locks that a handler can ask for without waiting.
template <class L>
concept NowaitLock = KnowsHandlers<L> || TryLock<L> || NeverWaits<L>;

// Takes the lock if it is free, for a handler that may have interrupted its holder.
template <NowaitLock L>
inline bool take_in_handler(L& lock) noexcept {
  if constexpr (KnowsHandlers<L>) {
    return lock.try_lock_in_handler();
  } else {
    return take_if_free(lock);
  }
}

// Gives up, at the end of a scope, what take_if_free() took, unless it is handed over.
template <class L>
class Held {
 public:
  explicit Held(L& the_lock) noexcept : lock_(the_lock) {}
  ~Held() {
    if (!handed_over_) give_up_taken(lock_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  // From now on the lock is somebody else's to unlock: see Guard's other constructor.
  void hand_over() noexcept { handed_over_ = true; }

 private:
  L& lock_;
  bool handed_over_ = false;
};

// Holds a lock for a scope.
template <class L>
class Guard {
 public:
  explicit Guard(L& the_lock) noexcept : lock_(the_lock) { lock_.lock(); }
  // For a lock that the caller holds already.
  enum class Already { held };
  Guard(L& the_lock, Already) noexcept : lock_(the_lock) {}
  ~Guard() { lock_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  template <class>
  friend class Unlocked;
  L& lock_;
};

// Gives up a guard's lock for a scope: what was read under the lock must be read anew after it.
template <class L>
class Unlocked {
 public:
  explicit Unlocked(Guard<L>& the_guard) noexcept : lock_(the_guard.lock_) { lock_.unlock(); }
  ~Unlocked() { lock_.lock(); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  L& lock_;
};

}  // namespace rsb
