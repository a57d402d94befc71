// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_floor: what a malloc+free pair costs, as a multiple of the least that this design can cost.
//
// The design has one lock, so its floor is the same loop over a bare free list under the same lock.
// All is measured in one process, in turns of a few milliseconds, so that whatever else the machine
// does falls on both; a ratio is the median over the turns.
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "floor/free_list.hpp"
#include "rsb/rsb.h"
#include "support/process.hpp"
#include "support/verdict.hpp"

namespace {

using bench::Bound;

template <auto allocate, auto release>
[[gnu::noinline]] void pairs(std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    void* block = allocate(bench::floor_block_bytes);
    asm volatile("" : "+r"(block) : : "memory");
    release(block);
  }
}

using Loop = void (*)(std::int64_t) noexcept;
constexpr Loop library = pairs<rsb_malloc, rsb_free>;
constexpr Loop floor_loop = pairs<bench::floor_malloc, bench::floor_free>;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

// Processor time of this thread: a turn in which it was preempted does not look slow.
double nanoseconds_a_pair(Loop loop) {
  constexpr std::int64_t count = 200'000;
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  const double begin = now();
  loop(count);
  return (now() - begin) / count;
}

struct Comparison {
  double library;
  double floor;
  double ratio;
};

Comparison compare_pairs() {
  constexpr int turns = 151;
  std::vector<double> ours, least, ratios;
  for (int i = 0; i < turns; ++i) {
    ours.push_back(nanoseconds_a_pair(library));
    least.push_back(nanoseconds_a_pair(floor_loop));
    ratios.push_back(ours.back() / least.back());
  }
  return {median(ours), median(least), median(ratios)};
}

// Microseconds that this thread was ready to run and another had the processor.
double kept_waiting() {
  std::ifstream file("/proc/thread-self/schedstat");
  double running = 0, waiting = 0;  // nanoseconds
  file >> running >> waiting;
  return waiting / 1000;
}

// What `threads` threads managed in a turn, together and the slowest of them alone.
struct Turn {
  double pairs_a_microsecond;
  double share_of_the_slowest;
};

// Nothing if one of them was kept from running: while it waits, the others have the lock for
// themselves, and all looks better than it is.
std::optional<Turn> take_turn(Loop loop, int threads) {
  using Clock = std::chrono::steady_clock;
  using Microseconds = std::chrono::duration<double, std::micro>;
  constexpr Microseconds length(2000);
  constexpr std::int64_t step = 100;
  std::atomic<int> ready{0};
  std::atomic<bool> stop{false};
  std::vector<std::int64_t> done(static_cast<std::size_t>(threads));
  std::vector<double> waited(static_cast<std::size_t>(threads));
  Microseconds elapsed{};
  // The first thread looks at the clock: one more that wakes up would take a processor to do so.
  const auto work = [&](std::size_t number) {
    const double before = kept_waiting();
    for (ready.fetch_add(1); ready.load() < threads;) continue;
    std::int64_t mine = 0;
    const auto begin = Clock::now();
    for (; !stop.load(std::memory_order_relaxed); mine += step) {
      loop(step);
      if (number == 0 && Clock::now() - begin >= length) stop.store(true);
    }
    if (number == 0) elapsed = Clock::now() - begin;
    waited[number] = kept_waiting() - before;
    done[number] = mine;
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
  if (*std::max_element(waited.begin(), waited.end()) > length.count() / 50) return std::nullopt;
  const auto all = static_cast<double>(std::accumulate(done.begin(), done.end(), std::int64_t{0}));
  const auto slowest = static_cast<double>(*std::min_element(done.begin(), done.end()));
  return Turn{all / elapsed.count(), slowest / all};
}

// What two threads together keep of the throughput of one.
class Kept {
 public:
  explicit Kept(Loop loop) : loop_(loop) {}

  [[nodiscard]] bool needs_more() const { return std::min(one_.size(), two_.size()) < enough; }
  void take_turns() {
    if (const auto turn = take_turn(loop_, 1)) one_.push_back(turn->pairs_a_microsecond);
    if (const auto turn = take_turn(loop_, 2)) {
      two_.push_back(turn->pairs_a_microsecond);
      slower_.push_back(turn->share_of_the_slowest);
    }
  }
  [[nodiscard]] double throughput() const { return median(two_) / median(one_); }
  [[nodiscard]] double share_of_the_slower() const { return median(slower_); }

 private:
  static constexpr std::size_t enough = 51;
  Loop loop_;
  std::vector<double> one_, two_, slower_;
};

// On a busy machine, and if the user may (root): ahead of all that is not real-time.
void ask_for_priority() noexcept {
  const sched_param priority{.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO, &priority);
}

[[nodiscard]] bool has_two_processors() noexcept {
  cpu_set_t processors;
  return sched_getaffinity(0, sizeof processors, &processors) == 0 && CPU_COUNT(&processors) >= 2;
}

// A thread that lives until the process ends and does nothing.
void start_idle_thread() {
  std::thread([] {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
  }).detach();
}

}  // namespace

int main() {
  if (!has_two_processors()) {
    std::puts("  two threads that wait for each other need two processors");
    return EXIT_FAILURE;
  }
  ask_for_priority();
  if (!bench::never_had_a_second_thread()) std::abort();
  const Comparison alone = compare_pairs();
  start_idle_thread();
  const Comparison locked = compare_pairs();
  Kept ours(library), least(floor_loop);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while ((ours.needs_more() || least.needs_more()) && std::chrono::steady_clock::now() < give_up) {
    ours.take_turns();
    least.take_turns();
  }

  bench::report("pair, one thread in the process", alone.library, "ns");
  bench::report("  floor", alone.floor, "ns");
  bench::report("  ratio", alone.ratio, "");
  bench::report("pair, a second thread lives, so the lock is taken", locked.library, "ns");
  bench::report("  floor", locked.floor, "ns");
  bool met = bench::report("  ratio", locked.ratio, "", {Bound::at_most, 1.3});
  if (ours.needs_more() || least.needs_more()) {
    std::puts("  two threads: the machine is too busy to tell; as root it would not be");
    return EXIT_FAILURE;
  }
  met &= bench::report("throughput that two threads keep of one's", ours.throughput(), "",
                       {Bound::at_least, 0.6});
  bench::report("  the slower thread's share of it", ours.share_of_the_slower(), "");
  bench::report("  floor", least.throughput(), "");
  bench::report("  floor: the slower thread's share", least.share_of_the_slower(), "");
  return met ? EXIT_SUCCESS : EXIT_FAILURE;
}
