// SPDX-License-Identifier: MIT OR Apache-2.0
// Cores without atomic instructions (support/no_atomics), whose locks are registers of a device.
#include <atomic>

#include "rsb/inspector.hpp"
#include "rsb/lock.hpp"
#include "rsb/page_source.hpp"
#include "rsb/small_inspector.hpp"
#include "support/bytes.hpp"
#include "support/parallel.hpp"
#include "support/test.hpp"
#include "threads/increments.hpp"

using rsb::KiB;

void support::others_come() noexcept {
  static std::atomic<unsigned> times{0};
  if (times.fetch_add(1, std::memory_order_relaxed) % 16 == 0) support::yield();
}

namespace {

template <unsigned number>
struct Register {
  static inline std::atomic<bool> taken{false};
  static bool try_take() noexcept { return !taken.exchange(true); }
  static void give_back() noexcept { taken = false; }
};

struct NoInterrupts {
  using State = int;
  static State mask() noexcept { return 0; }
  static void restore(State) noexcept {}
};

// A holder may have been preempted here.
struct Yielding {
  static void wait(unsigned) noexcept { support::yield(); }
};

template <unsigned heaps, unsigned pushes>
using Registers = rsb::InterruptTryLock<NoInterrupts, Register<heaps>, Register<pushes>, Yielding>;

struct General {
  using Pages = rsb::NoPages;
  using Lock = Registers<0, 31>;
  static constexpr rsb::Options options{
      .page_size = 1 * KiB,
      .span_size = 4 * KiB,
      .acquire_size = 4 * KiB,
      .acquire_alignment = 1 * KiB,
      .discard_size = 1 * KiB,
      .map = rsb::Map::flat,
  };
};
// A checked release without waiting looks at a word before the block, which may be another core's
// at that moment, and makes the best of it: the thread sanitizer says so.
#if defined(RSB_THREAD_SANITIZER)
constexpr rsb::Checks small_checks = rsb::Checks::off;
#else
constexpr rsb::Checks small_checks = rsb::Checks::basic;
#endif

struct Small {
  using Lock = Registers<1, 31>;
  static constexpr rsb::SmallOptions options{
      .checks = small_checks, .largest_region = 256 * KiB, .deferred_batch = 2};
};

rsb::HeapInspector<General> inspector_of(rsb::Heap<General>& heap) {
  return rsb::HeapInspector<General>(heap);
}
rsb::SmallHeapInspector<Small> inspector_of(rsb::SmallHeap<Small>& heap) {
  return rsb::SmallHeapInspector<Small>(heap);
}

alignas(4 * KiB) char memory[256 * KiB];
constexpr size_t sizes[] = {8, 16, 24, 100, 700};
constexpr unsigned cores = 2;

template <class TheHeap>
void check_that_all_came_back(TheHeap& heap) {
  heap.trim();
  const auto stats = inspector_of(heap).stats();
  CHECK(stats.live_blocks == 0);
  CHECK(stats.deferred_blocks == 0);
  const char* const problem = inspector_of(heap).check();
  if (problem != nullptr) FAIL_CHECK(doctest::String(problem));
}

}  // namespace

TEST_CASE("a register lets one core in at a time") {
  CHECK(threads::lost_increments<Registers<2, 3>>(100) == 0);
}

TEST_CASE("what one holder of a register writes the next one sees") {
  static long plain = 0;
  Registers<2, 3> lock;
  constexpr long each = 20'000;
  support::parallel(cores, [&](unsigned) {
    for (long i = 0; i < each; i++) {
      rsb::Guard guard(lock);
      plain++;
    }
  });
  CHECK(plain == cores * each);
}

TEST_CASE_TEMPLATE("blocks that cores release without waiting, while others are inside, come back",
                   TheHeap, rsb::Heap<General>, rsb::SmallHeap<Small>) {
  TheHeap heap;
  REQUIRE(heap.add_region(memory, sizeof memory) != 0);
  std::atomic<unsigned> broken{0};
  support::parallel(cores, [&](unsigned me) {
    support::Random random(me + 1);
    struct {
      void* block = nullptr;
      size_t size = 0;
    } live[32];
    for (unsigned i = 0; i < 20'000; i++) {
      auto& [block, size] = live[random.below(32)];
      if (block != nullptr) {
        if (!support::holds_pattern(block, size, me)) broken++;
        if (i % 8 == 0) {
          heap.deallocate(block);
        } else {
          heap.deallocate_nowait(block);
        }
      }
      size = sizes[random.below(5)];
      block = i % 2 == 0 ? heap.allocate_nowait(size) : heap.allocate(size);
      if (block != nullptr) support::fill_pattern(block, size, me);
    }
    for (auto& [block, size] : live) heap.deallocate_nowait(block);
  });
  CHECK(broken == 0);
  check_that_all_came_back(heap);
}

TEST_CASE_TEMPLATE(
    "while one core holds the register all the time, others release at once and get nothing",
    TheHeap, rsb::Heap<General>, rsb::SmallHeap<Small>) {
  TheHeap heap;
  REQUIRE(heap.add_region(memory, sizeof memory) != 0);
  constexpr size_t count = 400;
  void* blocks[count];
  for (void*& block : blocks) {
    block = heap.allocate(40);
    REQUIRE(block != nullptr);
  }
  std::atomic<unsigned> step{0};
  bool got_none = true;
  support::parallel(cores, [&](unsigned me) {
    if (me == 0) {
      heap.lock().lock();
      step = 1;
      while (step != 2) support::yield();
      heap.lock().unlock();
    } else {
      while (step != 1) support::yield();
      got_none = heap.allocate_nowait(40) == nullptr;
      for (void* const block : blocks) heap.deallocate_nowait(block);
      step = 2;
    }
  });
  CHECK(got_none);
  CHECK(inspector_of(heap).stats().deferred_blocks == count);
  check_that_all_came_back(heap);
}
