// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance under everything at once, for as many seconds as the first argument says:
// threads that come and go, blocks of random sizes and lifetimes that pass between them, handlers
// of signals, forks, trims, regions that come and go. All contents are compared, the heap is
// checked, and its memory must not creep.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "rsb/rsb.h"
#include "support/bytes.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using support::Random;

constexpr unsigned workers = 4;
constexpr size_t blocks_of_worker = 400;

// The most that pass_on() keeps on their way.
constexpr size_t places = 256;

// What workers ask for together, at most: they soon do, and so the peaks tell of the heap.
constexpr size_t most_wanted = size_t{6} << 20;
std::atomic<size_t> wanted{0};

constexpr size_t region_bytes = size_t{1} << 20;
constexpr size_t regions = 4;

// Peaks of the second half may exceed those of the first by a quarter, since sizes are random; what
// the heap has, also by one acquisition. On a machine that is busy with other programs the first
// half lasts until there have been allocations enough.
constexpr unsigned long enough = 50'000;
constexpr size_t margin(size_t peak) {
  return peak / 4;
}
constexpr size_t acquisition = size_t{32} << 20;

std::atomic<bool> is_over{false};

struct Counts {
  std::atomic<unsigned long> allocations{0}, refused{0}, passed{0}, threads{0}, signals{0};
  std::atomic<unsigned long> in_handlers{0}, refused_in_handlers{0}, forks{0}, checks{0}, trims{0};
  std::atomic<unsigned long> added{0}, removed{0};
} counts;

// Of handlers too: writes nothing by stdio, which takes locks.
template <size_t n>
[[noreturn]] void fail(const char (&sentence)[n]) {
  (void)!write(2, sentence, n - 1);
  (void)!write(2, "\n", 1);
  abort();
}

// ---- Blocks, which say themselves what is in them

struct Block {
  uint32_t size;  // of all
  uint32_t seed;
  unsigned char content[];
};
constexpr size_t least = sizeof(Block);

// Log-uniform to 64 KiB; one in 1,000 to 1 MiB.
size_t random_size(Random& random) {
  const size_t log = random.below(1'000) == 0 ? 20 : 4 + random.below(13);
  return least + random.below(size_t{1} << log);
}

void write_to(Block* block, size_t size, uint32_t seed) {
  block->size = static_cast<uint32_t>(size);
  block->seed = seed;
  wanted += size;
  support::fill_pattern(block->content, size - least, seed);
}

void verify(const Block* block, size_t size) {
  if (block->size < size || rsb_malloc_usable_size(block) < block->size) fail("a size changed");
  if (!support::holds_pattern(block->content, size - least, block->seed)) fail("a content changed");
}
void verify(const Block* block) {
  verify(block, block->size);
}

// In handlers, which must not ask for the usable size.
bool is_intact(const Block* block) {
  return support::holds_pattern(block->content, block->size - least, block->seed);
}

// ---- Between threads, handlers and children

std::atomic<Block*> on_the_way[places];

// What lay there before is the caller's.
Block* pass_on(Block* block, size_t place) {
  return on_the_way[place % places].exchange(block);
}

// ---- Workers

Block* allocate(Random& random) {
  const size_t size = random_size(random);
  if (wanted + size > most_wanted) return nullptr;
  void* block = nullptr;
  switch (random.below(6)) {
    case 0:
      block = rsb_calloc(1, size);
      if (block != nullptr && !support::holds_only(block, size, 0)) fail("calloc's is not zero");
      break;
    case 1: {
      const size_t alignment = size_t{16} << random.below(9);
      block = rsb_aligned_alloc(alignment, size);
      if (reinterpret_cast<uintptr_t>(block) % alignment != 0) fail("a block is misaligned");
      break;
    }
    case 2:
      block = rsb_malloc_nowait(size);
      break;
    default:
      block = rsb_malloc(size);
  }
  if (block == nullptr) {
    counts.refused.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  counts.allocations.fetch_add(1, std::memory_order_relaxed);
  write_to(static_cast<Block*>(block), size, random.next());
  return static_cast<Block*>(block);
}

void release(Block* block, Random& random) {
  if (block == nullptr) return;
  verify(block);
  wanted -= block->size;
  random.below(4) == 0 ? rsb_free_nowait(block) : rsb_free(block);
}

Block* resize(Block* block, Random& random) {
  const size_t before = block->size, size = random_size(random);
  if (size > before && wanted + size > most_wanted) return block;
  auto* const moved = static_cast<Block*>(rsb_realloc(block, size));
  if (moved == nullptr) return block;
  if (!support::holds_pattern(moved->content, (before < size ? before : size) - least,
                              moved->seed)) {
    fail("realloc changed what it moved");
  }
  wanted -= before;
  write_to(moved, size, random.next());
  return moved;
}

void use_pages(Random& random) {
  const size_t pages = 1 + random.below(8);
  void* const run = rsb_page_allocate(pages, 0);
  if (run == nullptr) return;
  support::fill_pattern(run, pages * rsb_page_size(), 1);
  (void)!rsb_page_resize(run, pages + 1);
  if (!support::holds_pattern(run, pages * rsb_page_size(), 1)) fail("a run's content changed");
  rsb_page_free(run);
}

// Lives for some thousand steps. A place in its table is taken anew the more often the lower it is:
// so some blocks live a hundred times as long as others.
void work(uint32_t seed) {
  Random random(seed);
  std::unique_ptr<Block*[]> mine(new Block*[blocks_of_worker]());
  for (size_t steps = 2'000 + random.below(20'000); steps != 0 && !is_over; steps--) {
    Block*& block = mine[random.below(1 + random.below(blocks_of_worker))];
    switch (random.below(16)) {
      case 0:
      case 1:
      case 2:
        block = pass_on(block, random.next());
        counts.passed.fetch_add(1, std::memory_order_relaxed);
        break;
      case 3:
        if (block != nullptr) block = resize(block, random);
        break;
      case 4:
        use_pages(random);
        break;
      default:
        release(block, random);
        block = allocate(random);
    }
  }
  for (size_t i = 0; i < blocks_of_worker; i++) release(mine[i], random);
}

// One after the other.
void keep_working(uint32_t seed) {
  for (; !is_over; seed += workers) {
    counts.threads++;
    std::thread(work, seed).join();
  }
}

// ---- The handler

// Each signal asks for the next when it is done: where handlers take longer than the period, the
// program gets on nevertheless.
void signal_again() {
  const itimerval soon{{0, 0}, {0, 500}};
  const itimerval never{};
  setitimer(ITIMER_REAL, is_over ? &never : &soon, nullptr);
}

void on_signal(int) {
  const int error = errno;
  const auto n = static_cast<uint32_t>(counts.signals.fetch_add(1));
  Random random(n + 1);
  for (int i = 0; i < 8; i++) {
    const size_t size = least + random.below(size_t{1} << random.below(13));
    auto* const block = static_cast<Block*>(rsb_malloc_nowait(size));
    (block == nullptr ? counts.refused_in_handlers : counts.in_handlers)++;
    if (block != nullptr) write_to(block, size, n);
    Block* const old = pass_on(block, random.next());
    if (old == nullptr) continue;
    if (!is_intact(old)) fail("a handler found a content changed");
    wanted -= old->size;
    rsb_free_nowait(old);
  }
  signal_again();
  errno = error;
}

// ---- Children

// In the child there is only this thread; what is on the way is all there.
[[noreturn]] void live_as_child(uint32_t seed) {
  signal(SIGALRM, SIG_DFL);
  alarm(60);
  Random random(seed);
  for (std::atomic<Block*>& place : on_the_way) release(place.exchange(nullptr), random);
  for (int i = 0; i < 500; i++) {
    release(pass_on(allocate(random), random.next()), random);
  }
  if (const char* const problem = rsb_check()) {
    (void)!write(2, problem, __builtin_strlen(problem));
    fail(": in a child");
  }
  _exit(0);
}

void have_child(uint32_t seed) {
  const pid_t child = fork();
  if (child == -1) fail("fork failed");
  if (child == 0) live_as_child(seed);
  int status = 0;
  while (waitpid(child, &status, 0) == -1) {
    if (errno != EINTR) fail("waitpid failed");
  }
  if (status != 0) fail("a child did not end well");
  counts.forks++;
}

// ---- Regions

struct Region {
  char* base;
  bool is_added;
} region_at[regions];

void add(Region& region) {
  if (rsb_add_region(region.base, region_bytes) == 0) fail("a region was refused");
  region.is_added = true;
  counts.added++;
}

// As soon as nothing in it is in use.
void try_to_remove(Region& region) {
  if (!region.is_added || rsb_remove_region(region.base, region_bytes) == 0) return;
  region.is_added = false;
  support::fill(region.base, region_bytes, 0xa5);  // who still looks there is led astray
  counts.removed++;
}

// ---- What there is

void check() {
  if (const char* const problem = rsb_check()) {
    fputs(problem, stderr);
    fail(": rsb_check()");
  }
  counts.checks++;
}

size_t count_blocks() {
  size_t blocks = 0;
  rsb_walk([](void*, size_t, void* context) { return ++*static_cast<size_t*>(context), 1; },
           &blocks);
  return blocks;
}

struct Peaks {
  size_t used = 0;
  size_t acquired = 0;

  void note() {
    rsb_stats stats;
    rsb_get_stats(&stats);
    if (stats.used_bytes > used) used = stats.used_bytes;
    if (stats.acquired_bytes > acquired) acquired = stats.acquired_bytes;
  }
};

// What happens beside the workers, some hundred times a second.
void direct(Clock::duration duration, Peaks (&halves)[2]) {
  Random random(12345);
  const Clock::time_point start = Clock::now();
  bool is_second = false;
  for (unsigned turn = 0; Clock::now() - start < duration || !is_second; turn++) {
    is_second = Clock::now() - start >= duration / 2 && counts.allocations > enough;
    halves[is_second ? 1 : 0].note();
    Region& region = region_at[random.below(regions)];
    if (!region.is_added) {
      add(region);
    } else {
      try_to_remove(region);
    }
    if (turn % 16 == 0) check();
    if (turn % 16 == 4) have_child(turn + 1);
    if (turn % 16 == 8) {
      rsb_trim();
      counts.trims++;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void must_not_creep(const char* what, size_t first, size_t second, size_t slack) {
  printf("soak: peak of %s bytes: %zu in the first half, %zu in the second\n", what, first, second);
  if (second > first + margin(first) + slack) fail("memory creeps");
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc == 2 ? atof(argv[1]) : 0;
  if (seconds <= 0) fail("usage: soak SECONDS");
  for (Region& region : region_at) {
    void* const base =
        mmap(nullptr, region_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) fail("mmap failed");
    region.base = static_cast<char*>(base);
  }
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const size_t before = count_blocks();

  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGALRM, &action, nullptr);
  Peaks halves[2];
  {
    std::thread threads[workers];
    for (unsigned i = 0; i < workers; i++) threads[i] = std::thread(keep_working, i + 1);
    signal_again();
    direct(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)),
           halves);
    is_over = true;
    for (std::thread& thread : threads) thread.join();
  }
  signal(SIGALRM, SIG_IGN);

  printf("soak: %lu allocations, %lu refused; %lu passed on; %lu threads\n",
         counts.allocations.load(), counts.refused.load(), counts.passed.load(),
         counts.threads.load());
  printf("soak: %lu signals, %lu allocations in them, %lu refused\n", counts.signals.load(),
         counts.in_handlers.load(), counts.refused_in_handlers.load());
  printf("soak: %lu forks, %lu checks, %lu trims; %lu regions added, %lu removed\n",
         counts.forks.load(), counts.checks.load(), counts.trims.load(), counts.added.load(),
         counts.removed.load());
  must_not_creep("used", halves[0].used, halves[1].used, 0);
  must_not_creep("acquired", halves[0].acquired, halves[1].acquired, acquisition);

  for (std::atomic<Block*>& place : on_the_way) rsb_free(place.exchange(nullptr));
  check();
  if (count_blocks() != before) fail("blocks are left");
  for (Region& region : region_at) {
    try_to_remove(region);
    if (region.is_added) fail("a region is in use, and nothing is live");
  }
  rsb_trim();
  rsb_stats stats;
  rsb_get_stats(&stats);
  if (stats.deferred_blocks != 0) fail("released blocks still wait");
  return 0;
}
