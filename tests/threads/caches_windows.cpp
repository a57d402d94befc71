// SPDX-License-Identifier: MIT OR Apache-2.0
// What platform/windows/rsb/thread_seats.hpp promises: threads that end, fibers, the barrier.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <array>
#include <atomic>
#include <thread>

#include "rsb/cached_inspector.hpp"
#include "rsb/rsb.h"
#include "rsb/thread_seats.hpp"
#include "support/parallel.hpp"
#include "support/test.hpp"
#include "threads/heaps_hosted.hpp"

namespace {

struct TwoSeats : rsb::platform::ThreadSeats<TwoSeats> {
  static unsigned caches() noexcept { return 2; }
};
struct Crowded {
  using Pages = rsb::platform::Pages;
  using Lock = rsb::platform::Lock;
  using Seats = TwoSeats;
  static constexpr rsb::Options options{};
};
using Heap = threads::Own<Crowded>;

void use(unsigned times = 1) {
  for (unsigned i = 0; i < times; i++) Heap::deallocate(Heap::allocate(64));
}
bool has_cache() {
  return TwoSeats::mine().cache() != nullptr;
}
void expect_nothing_left() {
  if (const char* const sentence = Heap::check()) FAIL_CHECK(doctest::String(sentence));
  CHECK(Heap::stats().live_blocks == 0);
}

std::atomic<unsigned> released{0};

void __stdcall release(void* block) {
  Heap::deallocate(block);
  use();
  released++;
}

struct Fiber {
  void* self;
  void* starter;
};

}  // namespace

TEST_CASE("a thread may release and allocate in fiber-local callbacks, early and late ones") {
  const DWORD early = FlsAlloc(release);
  std::thread([] { use(); }).join();  // the heap's own callback
  const DWORD late = FlsAlloc(release);
  for (unsigned i = 0; i < 50; i++) {
    std::thread([&] {
      FlsSetValue(early, Heap::allocate(64));
      FlsSetValue(late, Heap::allocate(64));
      use(300);
      CHECK(has_cache());
    }).join();
  }
  FlsFree(early);
  FlsFree(late);
  CHECK(released == 100);
  expect_nothing_left();
}

TEST_CASE("a thread that never used the heap may release in its fiber-local callback") {
  const DWORD callback = FlsAlloc(release);
  released = 0;
  for (unsigned i = 0; i < 50; i++) {
    void* const block = Heap::allocate(64);
    std::thread([&] { FlsSetValue(callback, block); }).join();
  }
  FlsFree(callback);
  CHECK(released == 50);
  std::thread([] {
    use();
    CHECK(has_cache());
  }).join();
  expect_nothing_left();
}

TEST_CASE("a thread's fibers share its cache, and one that deletes the first does without") {
  std::thread([] {
    Fiber fiber{nullptr, ConvertThreadToFiber(nullptr)};
    const auto run = [](void* context) {
      for (;;) {
        use(10);
        CHECK(has_cache());
        SwitchToFiber(static_cast<Fiber*>(context)->starter);
      }
    };
    fiber.self = CreateFiber(0, run, &fiber);
    SwitchToFiber(fiber.self);
    CHECK(has_cache());
    use(10);
    SwitchToFiber(fiber.self);
    DeleteFiber(fiber.self);
    CHECK_FALSE(has_cache());
    use(1'000);
    CHECK_FALSE(has_cache());
  }).join();
  std::thread([] {
    use();
    CHECK(has_cache());
  }).join();
  expect_nothing_left();
}

TEST_CASE("a fiber that another thread deletes takes no cache from the thread that used it") {
  for (unsigned i = 0; i < 20; i++) {
    Fiber fiber{nullptr, nullptr};
    std::atomic<unsigned> step{0};
    std::thread user([&] {
      fiber.starter = ConvertThreadToFiber(nullptr);
      const auto run = [](void* context) {
        use();
        SwitchToFiber(static_cast<Fiber*>(context)->starter);
      };
      fiber.self = CreateFiber(0, run, &fiber);
      SwitchToFiber(fiber.self);
      step = 1;
      while (step != 2) use(10);
      use(1'000);
    });
    while (step != 1) support::yield();
    DeleteFiber(fiber.self);
    step = 2;
    user.join();
    expect_nothing_left();
  }
  // The caches of threads whose end went by unnoticed are somebody's again.
  std::thread([] {
    use(10'000);
    CHECK(has_cache());
  }).join();
}

TEST_CASE("GetLastError() is as it was, whatever becomes of the thread's seat") {
  std::thread([] {
    SetLastError(4711);
    use();
    CHECK(GetLastError() == 4711);
    use();
    CHECK(GetLastError() == 4711);
    Heap::trim();
    CHECK(GetLastError() == 4711);
  }).join();
}

namespace {

struct LateSeats : rsb::platform::ThreadSeats<LateSeats> {
  static unsigned caches() noexcept { return 2; }
};
struct Late : Crowded {
  using Seats = LateSeats;
};

}  // namespace

TEST_CASE("seats serve also where the first 64 slots are others'") {
  using LateHeap = threads::Own<Late>;
  std::array<DWORD, 70> others;
  for (DWORD& other : others) other = TlsAlloc();
  REQUIRE(others.back() >= 64);
  for (unsigned i = 0; i < 10; i++) {
    std::thread([] {
      SetLastError(4711);
      CHECK(LateSeats::mine().cache() == nullptr);
      for (int j = 0; j < 1'000; j++) LateHeap::deallocate(LateHeap::allocate(64));
      CHECK(LateSeats::mine().cache() != nullptr);
      CHECK(GetLastError() == 4711);
    }).join();
  }
  for (const DWORD other : others) TlsFree(other);
  CHECK(LateHeap::stats().live_blocks == 0);
}

TEST_CASE("the built instance's caches commit less than what they may hold") {
  rsb_free(rsb_malloc(64));
  rsb_stats stats;
  rsb_get_stats(&stats);
  const size_t may_hold = rsb::platform::ThreadSeats<TwoSeats>::caches() * rsb::MiB;
  constexpr size_t page_map = 2 * rsb::MiB;
  CHECK(stats.metadata_bytes > page_map);
  CHECK(stats.metadata_bytes <= may_hold * 3 / 4 + page_map);
}

// The pattern that both barriers are for: each stores, and looks for the other's. Without the heavy
// one, 1 to 31 of the rounds saw both miss it, in each of ten runs under Wine on two processors;
// with FlushProcessWriteBuffers() in its place, 1 to 7, in seven runs of eight.
TEST_CASE("of a store and a load behind each barrier, one sees the other's") {
  constexpr unsigned rounds = 2'000;
  REQUIRE(rsb::platform::Process::prepare());
  if (!TwoSeats::heavy_barrier()) {
    MESSAGE("there is no barrier here");
    return;
  }
  struct alignas(128) Line {
    std::atomic<unsigned> value{0};
  };
  static Line stored[2], round[2];
  static std::array<bool, rounds> saw[2];
  support::parallel(2, [&](unsigned me) {
    for (unsigned i = 0; i < rounds; i++) {
      round[me].value.store(i + 1);
      while (round[1 - me].value.load() < i + 1) rsb::spin_hint();
      // The light side starts while the heavy one is anywhere in its barrier.
      if (me == 0) {
        for (unsigned wait = i % 64; wait != 0; wait--) rsb::spin_hint();
      }
      stored[me].value.store(i + 1, std::memory_order_relaxed);
      if (me == 0) {
        TwoSeats::light_barrier();
      } else {
        TwoSeats::heavy_barrier();
      }
      saw[me][i] = stored[1 - me].value.load(std::memory_order_relaxed) == i + 1;
    }
  });
  unsigned missed = 0;
  for (unsigned i = 0; i < rounds; i++) missed += !saw[0][i] && !saw[1][i];
  CHECK(missed == 0);
}
