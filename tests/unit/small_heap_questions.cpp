// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::SmallHeap: what a system asks a heap, and what a heap tells it.
#include "rsb/small_inspector.hpp"
#include "support/test.hpp"
#include "support/watched_lock.hpp"

using namespace rsb;

namespace {

struct Told {
  static inline size_t blocks = 0;
  static inline size_t bytes = 0;
  static inline bool was_locked = true;
};

struct Table {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.statistics = true};
  static void allocated(void* block, size_t bytes) noexcept {
    Told::blocks++;
    Told::bytes += bytes;
    support::fill(block, bytes, 0x11);
    Told::was_locked &= support::WatchedLock::is_held();
  }
  static void released(void* block, size_t bytes) noexcept {
    Told::blocks--;
    Told::bytes -= bytes;
    Told::was_locked &= support::WatchedLock::is_held();
    (void)block;
  }
};

struct Words : Table {
  static constexpr SmallOptions options{.words = true, .deferred_batch = 2, .statistics = true};
};

struct Quiet {
  using Lock = NoLock;
  static constexpr SmallOptions options{};
};

struct NullForZero {
  using Lock = NoLock;
  static constexpr SmallOptions options{.null_for_zero = true};
  static inline unsigned exhausted_calls = 0;
  static void exhausted() noexcept { exhausted_calls++; }
};

alignas(16) char pool[16 * KiB];
alignas(16) char more[4 * KiB];

}  // namespace

TEST_CASE_TEMPLATE("whatever happens, the answers are those of a look at every block", Config,
                   Table, Words) {
  Told::blocks = Told::bytes = 0;
  Told::was_locked = true;
  SmallHeap<Config> heap;
  CHECK(heap.free_bytes() == 0);
  CHECK(heap.least_free_bytes() == 0);
  CHECK(heap.largest_request() == 0);
  CHECK(heap.free_blocks() == 0);
  CHECK(heap.block_with(pool) == nullptr);
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  REQUIRE(heap.add_region(more, sizeof more) != 0);
  heap.reset_least_free_bytes();
  size_t least = heap.free_bytes();
  void* live[200] = {};
  size_t failed = 0;
  support::Random random(2);
  for (int step = 0; step < 3'000; step++) {
    void*& p = live[random.below(200)];
    const size_t size = random.below(size_t{1} << random.below(12));
    if (p == nullptr) {
      const size_t largest = heap.largest_request();
      p = random.below(4) == 0 ? heap.allocate(size, 64) : heap.allocate(size);
      failed += p == nullptr;
      if (p != nullptr) CHECK((size <= largest || Config::options.deferred_batch != 0));
    } else if (random.below(3) == 0) {
      if (void* const moved = heap.reallocate(p, size)) p = moved;
    } else if (Config::options.deferred_batch != 0 && random.below(2) == 0) {
      if constexpr (Config::options.deferred_batch != 0) heap.deallocate_nowait(p);
      p = nullptr;
    } else {
      heap.deallocate(p);
      p = nullptr;
    }
    const SmallStats s = inspect(heap).stats();
    REQUIRE(heap.free_bytes() == s.free_bytes);
    REQUIRE(heap.largest_request() == s.largest_request);
    bool has_top = false;
    inspect(heap).walk_pieces([&](const SmallPiece& piece) {
      has_top |= piece.use == SmallUse::top;
      return true;
    });
    REQUIRE(heap.free_blocks() == s.free_blocks + has_top);
    size_t seen = 0;
    size_t seen_bytes = 0;
    unsigned turn = 0;
    do {
      const unsigned next = heap.visit_free_blocks(turn, [&](size_t bytes) {
        seen++;
        seen_bytes += bytes;
      });
      REQUIRE((next > turn || next == 0));
      turn = next;
    } while (turn != 0);
    REQUIRE(seen == s.free_blocks + has_top);
    REQUIRE(seen_bytes == s.free_bytes);
    REQUIRE(Told::blocks == s.live_blocks);
    REQUIRE(Told::bytes == s.live_bytes);
    // What a step takes for a moment counts, too.
    REQUIRE(heap.least_free_bytes() <= smaller(least, s.free_bytes));
    least = heap.least_free_bytes();
  }
  CHECK(failed > 10);
  CHECK(least < 3'000);
  CHECK(Told::was_locked);
  for (void* const p : live) heap.deallocate(p);
  CHECK(heap.least_free_bytes() == least);
  heap.reset_least_free_bytes();
  CHECK(heap.least_free_bytes() == heap.free_bytes());
  heap.trim();
  CHECK(Told::blocks == 0);
  CHECK(Told::bytes == 0);
}

TEST_CASE("the least ever free is that of the worst moment") {
  SmallHeap<Table> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  const size_t all = heap.free_bytes();
  CHECK(heap.least_free_bytes() == all);
  void* const a = heap.allocate(1'024);
  void* const b = heap.allocate(2'048);
  heap.deallocate(a);
  heap.deallocate(b);
  CHECK(heap.free_bytes() == all);
  CHECK(heap.least_free_bytes() == all - 3 * 1'024);
  support::drop(heap.allocate(64));
  heap.reset_least_free_bytes();
  CHECK(heap.least_free_bytes() == all - 64);
}

TEST_CASE("what is taken and given back at once was never less free") {
  SmallHeap<Table> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* const p = heap.allocate(64);
  void* const behind = heap.allocate(8 * KiB);
  REQUIRE(heap.allocate(64) != nullptr);
  heap.deallocate(behind);
  heap.reset_least_free_bytes();
  CHECK(heap.reallocate(p, 128) == p);
  CHECK(heap.least_free_bytes() == heap.free_bytes());
  REQUIRE(heap.allocate(64, 1'024) != nullptr);
  CHECK(heap.least_free_bytes() == heap.free_bytes());
}

TEST_CASE_TEMPLATE("the block that an address points into", Config, Table, Words, Quiet) {
  SmallHeap<Config> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  REQUIRE(heap.add_region(more, sizeof more) != 0);
  char* blocks[60];
  const auto size_of = [](size_t i) { return i % 5 == 0 ? 900 + i : 20 + i; };
  for (size_t i = 0; i < 60; i++) {
    blocks[i] = static_cast<char*>(heap.allocate(size_of(i)));
    REQUIRE(blocks[i] != nullptr);
    support::fill(blocks[i], size_of(i), 0xff);
  }
  for (size_t i = 0; i < 60; i += 3) heap.deallocate(blocks[i]);
  for (size_t i = 0; i < 60; i++) {
    CAPTURE(i);
    char* const expected = i % 3 == 0 ? nullptr : blocks[i];
    CHECK(heap.block_with(blocks[i]) == expected);
    CHECK(heap.block_with(blocks[i] + 7) == expected);
    CHECK(heap.block_with(blocks[i] + size_of(i) - 1) == expected);
  }
  CHECK(heap.block_with(pool) == nullptr);
  CHECK(heap.block_with(pool + sizeof pool - 16) == nullptr);
  CHECK(heap.block_with(nullptr) == nullptr);
  CHECK(heap.may_own(blocks[1] + 5));
  CHECK(heap.may_own(pool + sizeof pool - 16));
  CHECK_FALSE(heap.may_own(pool));
  CHECK_FALSE(heap.may_own(&heap));
  CHECK_FALSE(heap.may_own(nullptr));
}

TEST_CASE("a request for nothing may get null, and is no failure") {
  SmallHeap<NullForZero> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  CHECK(heap.allocate(0) == nullptr);
  CHECK(heap.allocate(0, 64) == nullptr);
  CHECK(heap.allocate_zeroed(0) == nullptr);
  CHECK(heap.allocate_nowait(0) == nullptr);
  CHECK(heap.allocate_nowait(0, 64) == nullptr);
  CHECK(heap.reallocate(nullptr, 0) == nullptr);
  CHECK(NullForZero::exhausted_calls == 0);
  CHECK(inspect(heap).stats().failures == 0);
  void* const p = heap.allocate(1);
  CHECK(heap.reallocate(p, 0) == p);
  heap.deallocate(p);
  SmallHeap<Quiet> other;
  REQUIRE(other.add_region(more, sizeof more) != 0);
  CHECK(other.allocate(0) != nullptr);
}
