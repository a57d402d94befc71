// SPDX-License-Identifier: MIT OR Apache-2.0
// A page source that fails on command: every acquire in turn. The heap answers null, loses nothing,
// and goes on when the source does.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

namespace {

template <class C>
constexpr size_t span_of = C::options.span_size;

// A program that needs pages of all kinds: spans of several classes, large blocks, runs, the map's
// nodes. Goes on after each failure, and remembers whether there was one.
template <class W>
class Scenario {
 public:
  explicit Scenario(W& w) : w_(w) {}

  // True: every request was met.
  bool run() {
    static constexpr size_t span = W::options.span_size;
    for (const size_t size : {size_t{4}, size_t{16}, span / 2, span}) {
      keep(w_.heap.allocate(size), size);
    }
    keep(w_.heap.allocate_zeroed(span + 1), 0);
    keep(w_.heap.allocate(2 * span, 2 * W::options.acquire_alignment), 0);
    keep(w_.heap.allocate(W::options.acquire_size * 3 / 4), 0);
    void* const grown = w_.heap.reallocate(blocks_[1], 2 * span);
    if (grown != nullptr) {
      blocks_[1] = grown;
    } else if (blocks_[1] != nullptr) {
      all_met_ = false;
      CHECK(support::holds_only(blocks_[1], 16, 0x5a));  // as it was
    } else {
      all_met_ = false;
    }
    void* const pages = w_.heap.pages().allocate(2);
    if (pages == nullptr) all_met_ = false;
    w_.heap.pages().deallocate(pages);
    return all_met_;
  }

  ~Scenario() {
    for (size_t i = 0; i < count_; i++) w_.heap.deallocate(blocks_[i]);
  }

 private:
  void keep(void* block, size_t size) {
    if (block == nullptr) all_met_ = false;
    support::fill(block, block != nullptr ? size : 0, 0x5a);
    blocks_[count_++] = block;
  }

  W& w_;
  void* blocks_[16] = {};
  size_t count_ = 0;
  bool all_met_ = true;
};

}  // namespace

TEST_CASE_TEMPLATE("each acquire that fails once gives null or is made up for, and nothing is lost",
                   C, SUPPORT_SOURCE_WORLDS) {
  bool reached_the_end = false;
  for (size_t n = 0; n < 100 && !reached_the_end; n++) {
    World<C> w;
    CAPTURE(n);
    w.source().fail_once_after(n);
    {
      Scenario scenario(w);
      scenario.run();
      CHECK_SOUND(w);
    }
    reached_the_end = w.source().calls() <= n;
    CHECK(w.stats().live_blocks == 0);
    CHECK_SOUND(w);
    // Later it succeeds.
    w.source().fail_never();
    w.heap.trim();
    {
      Scenario scenario(w);
      CHECK(scenario.run());
    }
    w.heap.trim();
    CHECK(w.stats().acquired_bytes == 0);
    CHECK(w.source().held_bytes() == w.stats().metadata_bytes);
    CHECK_SOUND(w);
  }
  CHECK(reached_the_end);
}

TEST_CASE_TEMPLATE("when every acquire fails from the nth on, what was there stays usable", C,
                   SUPPORT_SOURCE_WORLDS) {
  bool succeeded = false;
  for (size_t n = 0; n < 100 && !succeeded; n++) {
    World<C> w;
    CAPTURE(n);
    w.source().fail_always_after(n);
    {
      Scenario scenario(w);
      succeeded = scenario.run();
      CHECK((succeeded || w.source().calls() > n));
      CHECK_SOUND(w);
    }
    CHECK(w.stats().live_blocks == 0);
    w.source().fail_never();
    w.heap.trim();
    {
      Scenario scenario(w);
      CHECK(scenario.run());
      CHECK_SOUND(w);
    }
    CHECK_SOUND(w);
  }
  CHECK(succeeded);
}

TEST_CASE_TEMPLATE(
    "a first allocation that fails anywhere gives null and holds nothing but the map", C,
    SUPPORT_SOURCE_WORLDS) {
  bool succeeded = false;
  for (size_t n = 0; n < 20 && !succeeded; n++) {
    World<C> w;
    CAPTURE(n);
    w.source().fail_always_after(n);
    void* const block = w.heap.allocate(16);
    succeeded = block != nullptr;
    CHECK((succeeded || w.stats().acquired_bytes == 0));
    CHECK(w.stats().failures == (succeeded ? 0 : 1));
    CHECK(w.source().held_bytes() == w.stats().acquired_bytes + w.stats().metadata_bytes);
    CHECK_SOUND(w);
    w.source().fail_never();
    void* const later = w.heap.allocate(16);
    CHECK(later != nullptr);
    w.heap.deallocate(later);
    w.heap.deallocate(block);
    CHECK_SOUND(w);
  }
  CHECK(succeeded);
}

TEST_CASE_TEMPLATE("free memory that is kept for reuse is given up before a request fails", C,
                   SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  void* const first = w.heap.allocate(16);
  constexpr size_t large = support::arena_bytes * 23 / 32;
  w.heap.deallocate(w.heap.allocate(large));  // the map's nodes lie behind it from now on
  // Acquisitions where it was, of which one in the middle is kept.
  void* blocks[5];
  for (void*& block : blocks) {
    block = w.heap.allocate(C::options.acquire_size);
    REQUIRE(block != nullptr);
  }
  for (const int i : {2, 0, 1, 3, 4}) w.heap.deallocate(blocks[i]);
  CHECK(w.stats().free_bytes >= C::options.acquire_size);
  if (w.source().acquire(large, C::options.page_size) != nullptr) {
    w.is_broken();  // the heap does not know of it
    FAIL("nothing need be given up");
  }
  void* const large_block = w.heap.allocate(large);
  CHECK(large_block != nullptr);
  w.heap.deallocate(first);
  w.heap.deallocate(large_block);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE(
    "a region for whose descriptors there is no memory is refused, and can come later", C,
    SUPPORT_SOURCE_WORLDS) {
  constexpr size_t half = support::arena_bytes / 2;
  World<C> w(half);
  w.source().fail_always_after(0);
  CHECK(w.add_region(support::arena + half, half) == 0);
  CHECK(w.stats().acquired_bytes == 0);
  CHECK_SOUND(w);
  w.source().fail_never();
  CHECK(w.add_region(support::arena + half, half) != 0);
  CHECK_SOUND(w);
  void* const block = w.heap.allocate(16);
  CHECK(bytes_from(support::arena + half, block) < half);
  w.heap.deallocate(block);
}

TEST_CASE_TEMPLATE("pages full of dirt make the same heap as pages of zeroes", C,
                   support::ThreeLevels) {
  // ThreeLevels' source fills everything it gives with dirt, the map's nodes too.
  World<C> w;
  void* blocks[100];
  for (size_t i = 0; i < 100; i++) {
    blocks[i] = w.heap.allocate_zeroed(i * 13);
    REQUIRE(blocks[i] != nullptr);
    CHECK(support::holds_only(blocks[i], i * 13, 0));
  }
  CHECK_SOUND(w);
  for (void* block : blocks) w.heap.deallocate(block);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("releases that are refused now and then lose nothing", C,
                   SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  support::Random random(23);
  void* blocks[12] = {};
  for (int step = 0; step < 4'000; step++) {
    void*& block = blocks[random.below(12)];
    if (block != nullptr) {
      w.heap.deallocate(block);
      block = nullptr;
    } else {
      block = w.heap.allocate(random.below(span_of<C> * 3));
    }
    if (random.below(40) == 0) w.source().refuse_next_releases(random.below(3));
    if (random.below(40) == 0) w.source().refuse_next_discards(random.below(3));
    if (random.below(40) == 0) w.source().fail_once_after(random.below(3));
    if (random.below(60) == 0) w.heap.trim();
    if (step % 32 == 0) CHECK_SOUND(w);
  }
  for (void* block : blocks) w.heap.deallocate(block);
  w.source().refuse_next_releases(0);
  w.source().refuse_next_discards(0);
  w.source().fail_never();
  w.heap.trim();
  CHECK(w.stats().acquired_bytes == 0);
  CHECK_SOUND(w);
}

TEST_CASE(
    "the source is asked for acquisitions of the configured size and alignment, at most once too "
    "often") {
  World<support::SmallRadix> w;
  void* const block = w.heap.allocate(16);
  CHECK(w.source().largest_request() == support::small_radix.acquire_size);
  CHECK(w.source().largest_alignment() == support::small_radix.acquire_alignment);
  const size_t calls = w.source().calls();
  for (int i = 0; i < 100; i++) w.heap.deallocate(w.heap.allocate(16));
  CHECK(w.source().calls() == calls);  // a loop at the edge does not bounce
  w.heap.deallocate(block);
}
