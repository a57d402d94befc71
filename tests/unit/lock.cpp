// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/lock.hpp, without spinlocks, and without threads: those are in tests/threads.
#include "rsb/lock.hpp"

#include "support/masked.hpp"
#include "support/test.hpp"
#include "support/watched_lock.hpp"

using namespace rsb;
using support::Masked;
using support::Waiting;

namespace {

struct MayThrow {
  void lock() {}
  void unlock() {}
};
struct OnlyLocks {
  void lock() noexcept {}
};

}  // namespace

TEST_CASE("a lock is what locks and unlocks without throwing") {
  CHECK(Lock<SpinLock>);
  CHECK(Lock<NoLock>);
  CHECK(Lock<support::WatchedLock>);
  CHECK_FALSE(Lock<MayThrow>);
  CHECK_FALSE(Lock<OnlyLocks>);
  CHECK_FALSE(Lock<int>);
}

TEST_CASE("no lock can be taken any number of times") {
  NoLock lock;
  lock.lock();
  lock.lock();
  lock.unlock();
  lock.unlock();
}

TEST_CASE("an interrupt lock masks interrupts, and leaves masked what was masked before") {
  static_assert(Lock<InterruptLock<Masked>>);
  InterruptLock<Masked> lock;
  lock.lock();
  CHECK(Masked::level == 7);
  lock.unlock();
  CHECK(Masked::level == 0);

  const int before = Masked::mask();
  lock.lock();
  lock.unlock();
  CHECK(Masked::level == 7);
  Masked::restore(before);
  CHECK(Masked::level == 0);
}

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
namespace {

constinit volatile unsigned interrupts_taken = 0;

void request_interrupt() {
  volatile uint32_t& interrupt_control = *reinterpret_cast<volatile uint32_t*>(0xe000'ed04);
  interrupt_control = uint32_t{1} << 28;  // PENDSVSET
  asm volatile("dsb\n isb" ::: "memory");
}

}  // namespace

extern "C" void arm_pendsv_isr() {
  interrupts_taken = interrupts_taken + 1;
}

TEST_CASE("an interrupt comes when the interrupt lock is given back, not before") {
  request_interrupt();
  CHECK(interrupts_taken == 1);
  InterruptLock<CoreInterrupts> lock;
  lock.lock();
  request_interrupt();
  CHECK(interrupts_taken == 1);
  lock.unlock();
  asm volatile("isb" ::: "memory");
  CHECK(interrupts_taken == 2);
}

#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)
TEST_CASE("BASEPRI masks what is not more urgent than its level, and a level within a level") {
  *reinterpret_cast<volatile uint8_t*>(0xe000'ed22) = 0x80;  // PendSV's priority
  const unsigned before = interrupts_taken;
  {
    InterruptLock<BasepriInterrupts<0xc0>> lock;
    lock.lock();
    request_interrupt();
    CHECK(interrupts_taken == before + 1);
    lock.unlock();
  }
  InterruptLock<BasepriInterrupts<0x40>> lock;
  lock.lock();
  InterruptLock<BasepriInterrupts<0xc0>> inner;
  inner.lock();
  request_interrupt();
  CHECK(interrupts_taken == before + 1);
  inner.unlock();
  asm volatile("isb" ::: "memory");
  CHECK(interrupts_taken == before + 1);
  lock.unlock();
  asm volatile("isb" ::: "memory");
  CHECK(interrupts_taken == before + 2);
  *reinterpret_cast<volatile uint8_t*>(0xe000'ed22) = 0;
}
#endif
#endif

#if defined(__riscv) && !defined(__linux__)
namespace {

// ---- The interrupt that a core sends itself (Privileged Architecture, 3.1.9; QEMU's machine virt)

constexpr unsigned long machine_software = 8;  // in mie

volatile uint32_t& software_interrupt() {
  return *reinterpret_cast<volatile uint32_t*>(0x0200'0000);
}

constinit volatile unsigned interrupts_taken = 0;

[[gnu::interrupt, gnu::aligned(4)]] void on_software_interrupt() {
  software_interrupt() = 0;
  interrupts_taken = interrupts_taken + 1;
}

void request_interrupt() {
  software_interrupt() = 1;
  for (int i = 0; i < 1'000; i++) spin_hint();
}

unsigned long supervisor_enable() {
  unsigned long status;
  asm volatile(".option push\n .option arch, +zicsr\n csrr %0, sstatus\n .option pop"
               : "=r"(status));
  return status & 2;
}

bool has_supervisor_mode() {
  unsigned long extensions;
  asm volatile(".option push\n .option arch, +zicsr\n csrr %0, misa\n .option pop"
               : "=r"(extensions));
  return (extensions >> ('S' - 'A') & 1) != 0;
}

}  // namespace

TEST_CASE("an interrupt comes when the interrupt lock is given back, not before") {
  unsigned long vector_before;
  asm volatile(
      ".option push\n .option arch, +zicsr\n csrrw %0, mtvec, %1\n csrs mie, %2\n csrsi mstatus, "
      "8\n"
      " .option pop"
      : "=&r"(vector_before)
      : "r"(on_software_interrupt), "r"(machine_software)
      : "memory");
  request_interrupt();
  CHECK(interrupts_taken == 1);
  InterruptLock<CoreInterrupts> lock;
  InterruptLock<CoreInterrupts> inner;
  lock.lock();
  inner.lock();
  request_interrupt();
  CHECK(interrupts_taken == 1);
  inner.unlock();
  CHECK(interrupts_taken == 1);
  lock.unlock();
  CHECK(interrupts_taken == 2);
  asm volatile(
      ".option push\n .option arch, +zicsr\n csrci mstatus, 8\n csrc mie, %1\n csrw mtvec, %0\n"
      " .option pop" ::"r"(vector_before),
      "r"(machine_software)
      : "memory");
}

TEST_CASE("a supervisor's interrupts are masked, and not unmasked if they were") {
  if (!has_supervisor_mode()) return;
  asm volatile(".option push\n .option arch, +zicsr\n csrsi sstatus, 2\n .option pop");
  InterruptLock<SupervisorInterrupts> outer;
  InterruptLock<SupervisorInterrupts> inner;
  CHECK(supervisor_enable() != 0);
  outer.lock();
  CHECK(supervisor_enable() == 0);
  inner.lock();
  inner.unlock();
  CHECK(supervisor_enable() == 0);
  outer.unlock();
  CHECK(supervisor_enable() != 0);
  asm volatile(".option push\n .option arch, +zicsr\n csrci sstatus, 2\n .option pop");
}
#endif

TEST_CASE("a guard holds the lock for its scope") {
  support::WatchedLock lock;
  {
    Guard guard(lock);
    CHECK(lock.is_held());
  }
  CHECK_FALSE(lock.is_held());
}

TEST_CASE("a held lock is given up at the end of its scope, unless it was handed over") {
  support::WatchedLock lock;
  lock.lock();
  { Held held(lock); }
  CHECK_FALSE(lock.is_held());
  lock.lock();
  {
    Held held(lock);
    held.hand_over();
  }
  CHECK(lock.is_held());
  { Guard guard(lock, Guard<support::WatchedLock>::Already::held); }
  CHECK_FALSE(lock.is_held());
}

TEST_CASE("unlocked gives up a guard's lock for its scope") {
  support::WatchedLock lock;
  {
    Guard guard(lock);
    {
      Unlocked unlocked(guard);
      CHECK_FALSE(lock.is_held());
    }
    CHECK(lock.is_held());
  }
  CHECK_FALSE(lock.is_held());
}

TEST_CASE("back-off pauses eleven times, twice as long each time, before it waits") {
  Waiting::reset();
  BackOff<Waiting> back_off;
  for (int i = 0; i < 11; i++) back_off.pause();  // 1, 2, 4, …, 1,024
  CHECK(Waiting::rounds == 0);
  for (unsigned i = 1; i <= 5; i++) {
    back_off.pause();
    CHECK(Waiting::rounds == i);
  }
  CHECK(Waiting::in_order);
}

namespace {

struct Recording {
  static inline constinit unsigned yields = 0;
  static inline constinit unsigned naps[40] = {};
  static inline constinit unsigned slept = 0;
  static void yield() noexcept { yields++; }
  static void sleep(unsigned microseconds) noexcept { naps[slept++] = microseconds; }
};

}  // namespace

TEST_CASE("where there is a scheduler, a waiter yields, then naps, twice as long each time") {
  using Wait = YieldThenSleep<Recording>;
  Recording::yields = Recording::slept = 0;
  unsigned round = 0;
  while (round < 16) Wait::wait(round++);
  CHECK(Recording::yields == 16);
  CHECK(Recording::slept == 0);
  while (round < 40) Wait::wait(round++);
  CHECK(Recording::yields == 16);
  CHECK(Recording::slept == 24);
  CHECK(Recording::naps[0] == 50);
  for (unsigned i = 1; i <= 8; i++) CHECK(Recording::naps[i] == 2 * Recording::naps[i - 1]);
  for (unsigned i = 8; i < 24; i++) CHECK(Recording::naps[i] == 12'800);
  Wait::wait(~0u);
  CHECK(Recording::naps[24] == 12'800);
}

TEST_CASE("a handler can ask for a lock that can be tried, or that never waits") {
  CHECK(NowaitLock<SpinLock>);
  CHECK(NowaitLock<NoLock>);
  CHECK(NowaitLock<InterruptLock<Masked>>);
  CHECK(NowaitLock<InterruptSpinLock<Masked>>);
  CHECK(NowaitLock<support::WatchedLock>);
  struct OnlyWaits {
    void lock() noexcept {}
    void unlock() noexcept {}
  };
  CHECK_FALSE(NowaitLock<OnlyWaits>);
}
