// SPDX-License-Identifier: MIT OR Apache-2.0
// A signal handler that allocates and releases, wherever it interrupts the program. Not on Windows.
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "rsb/rsb.h"
#include "support/test.hpp"

namespace {

constexpr size_t slots = 64;

// Blocks that wander between handler and program; a slot is taken by whoever empties it.
std::atomic<unsigned char*> passed[slots];

volatile sig_atomic_t handled = 0;
volatile sig_atomic_t allocated = 0;
volatile sig_atomic_t refused = 0;
volatile sig_atomic_t broken = 0;

constexpr size_t size_of(unsigned n) {
  constexpr size_t sizes[] = {1, 4, 8, 24, 100, 1'000, 5'000, 20'000};
  return sizes[n % 8];
}

// The size is in the first byte, by its number.
void write(unsigned char* block, unsigned n) {
  memset(block, static_cast<int>(n % 8 + 1), size_of(n));
}
bool is_intact(const unsigned char* block) {
  return block[0] >= 1 && block[0] <= 8 &&
         support::holds_only(block, size_of(block[0] - 1u), block[0]);
}

volatile sig_atomic_t at_work = 0;

// Each signal asks for the next when it is done. A timer that repeats would keep the program from
// its work for good where the handler takes longer than the period, as it does under a sanitizer.
void signal_again() {
  const itimerval soon{{0, 0}, {0, 100}};
  const itimerval never{};
  setitimer(ITIMER_REAL, at_work != 0 ? &soon : &never, nullptr);
}

void on_signal(int) {
  static unsigned n = 0;
  handled = handled + 1;
  for (int i = 0; i < 8; i++, n++) {
    auto* block = static_cast<unsigned char*>(rsb_malloc_nowait(size_of(n)));
    if (block == nullptr) {
      refused = refused + 1;
    } else {
      allocated = allocated + 1;
      write(block, n);
    }
    unsigned char* const old = passed[n * 7 % slots].exchange(block);
    if (old == nullptr) continue;
    if (!is_intact(old)) broken = broken + 1;
    rsb_free_nowait(old);
  }
  signal_again();
}

size_t count_blocks() {
  size_t blocks = 0;
  rsb_walk([](void*, size_t, void* context) { return ++*static_cast<size_t*>(context), 1; },
           &blocks);
  return blocks;
}

// The handler runs thousands of times while the program is at work; on a machine that is busy with
// other programs, which may leave it no time for that, at least until it has done this often what
// it is here for.
constexpr int enough = 100;

template <class Quieten>
void hammer(size_t before, Quieten quieten) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGALRM, &action, nullptr);
  handled = 0;
  allocated = 0;
  refused = 0;
  broken = 0;
  at_work = 1;
  signal_again();
  support::Random random(1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(800);
  const auto is_done = [&] {
    return handled > enough && allocated > enough && std::chrono::steady_clock::now() >= end;
  };
  for (unsigned i = 0; i % 256 != 0 || !is_done(); i++) {
    const unsigned n = static_cast<unsigned>(random.below(8));
    auto* block = static_cast<unsigned char*>(rsb_malloc(size_of(n)));
    if (block == nullptr) continue;
    write(block, n);
    unsigned char* const old = passed[random.below(slots)].exchange(block);
    if (old == nullptr) continue;
    if (!is_intact(old)) broken = broken + 1;
    i % 3 == 0 ? rsb_free_nowait(old) : rsb_free(old);
    if (i % 1'000 == 0 && rsb_check() != nullptr) broken = broken + 1;
  }
  at_work = 0;
  signal_again();
  quieten();
  for (auto& slot : passed) rsb_free(slot.exchange(nullptr));
  CHECK(broken == 0);
  CHECK(count_blocks() == before);
  CHECK(rsb_check() == nullptr);
  rsb_stats stats;
  rsb_get_stats(&stats);
  CHECK(stats.deferred_blocks == 0);
  MESSAGE(int{handled}, " signals, ", int{allocated}, " allocations, ", int{refused}, " refused");
}

}  // namespace

TEST_CASE("a signal handler allocates and releases in a program with one thread") {
  hammer(count_blocks(), [] {});
}

TEST_CASE("a signal handler allocates and releases in a program with two threads") {
  const size_t before = count_blocks();
  std::atomic<bool> done{false};
  // The handler is written for one thread at a time. The other starts with all signals blocked, and
  // blocking them itself would leave it some time before.
  sigset_t all;
  sigset_t own;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &own);
  std::jthread other([&] {
    while (!done) rsb_free(rsb_malloc(100));
  });
  pthread_sigmask(SIG_SETMASK, &own, nullptr);
  hammer(before, [&] {
    done = true;
    other.join();
  });
}
