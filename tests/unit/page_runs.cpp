// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/page_runs.hpp: runs of pages without a source. Compared with a naive model in
// tests/property.
#include "rsb/internal/pages/page_runs.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;

namespace {

constexpr Options options{.page_size = 256, .span_size = 1 * KiB, .map = Map::flat};
constexpr size_t page = 256;
using Runs = PageRuns<options>;

// Page runs over a part of the arena.
struct Pool {
  static constexpr size_t most = 512;

  Pool() : base(align_up(support::arena, 8 * KiB)) {
    for (Span& s : descriptors) s = Span{};
    runs.map().add_window(&window);
  }

  Span* add(size_t first, size_t pages, uint8_t given = 0, size_t dirty = 0) {
    return runs.add(base + first * page, pages, given, dirty);
  }
  size_t index(const Span* run) const { return bytes_from(base, run->base) / page; }

  char* const base;
  static inline Span descriptors[most];
  Window window{base, most, descriptors};
  Runs runs;
};

}  // namespace

TEST_CASE("nothing can be taken from nothing") {
  Pool pool;
  CHECK(pool.runs.take(1) == nullptr);
  CHECK(pool.runs.acquisitions() == nullptr);
  CHECK(pool.runs.acquired_pages() == 0);
}

TEST_CASE("what was added can be taken, whole and in pieces") {
  Pool pool;
  pool.add(0, 10);
  CHECK(pool.runs.acquired_pages() == 10);
  CHECK(pool.runs.take(11) == nullptr);
  Span* const a = pool.runs.take(4);
  Span* const b = pool.runs.take(6);
  REQUIRE((a != nullptr && b != nullptr));
  CHECK(a->pages == 4);
  CHECK(b->pages == 6);
  CHECK(bytes_from(a->base, b->base) % page == 0);
  CHECK(pool.runs.take(1) == nullptr);
  CHECK(pool.runs.used_pages() == 10);
  pool.runs.give(a, 4);
  pool.runs.give(b, 6);
  CHECK(pool.runs.used_pages() == 0);
  CHECK(pool.runs.peak_used_pages() == 10);
  Span* const whole = pool.runs.take(10);
  REQUIRE(whole != nullptr);
  CHECK(whole->base == pool.base);
}

TEST_CASE("a run merges with its free neighbours, left, right and both") {
  for (int last = 0; last < 3; last++) {
    Pool pool;
    pool.add(0, 12);
    Span* const runs[3] = {pool.runs.take(3), pool.runs.take(4), pool.runs.take(5)};
    for (int i = 0; i < 3; i++) {
      if (i != last) pool.runs.give(runs[i], 0);
    }
    Span* const merged = pool.runs.give(runs[last], 0);
    CHECK(merged->base == pool.base);
    CHECK(merged->pages == 12);
    CHECK(pool.runs.is_listed(merged));
    CHECK(pool.runs.next_run(merged) == nullptr);
  }
}

TEST_CASE("runs of one page merge too") {
  Pool pool;
  pool.add(0, 3);
  Span* const a = pool.runs.take(1);
  Span* const b = pool.runs.take(1);
  Span* const c = pool.runs.take(1);
  pool.runs.give(a, 0);
  pool.runs.give(c, 0);
  CHECK(pool.runs.give(b, 0)->pages == 3);
}

TEST_CASE("acquisitions side by side do not merge") {
  Pool pool;
  pool.add(0, 4);
  pool.add(4, 4);
  CHECK(pool.runs.take(5) == nullptr);
  Span* const a = pool.runs.take(4);
  Span* const b = pool.runs.take(4);
  REQUIRE((a != nullptr && b != nullptr));
  CHECK(pool.runs.give(a, 0)->pages == 4);
  CHECK(pool.runs.give(b, 0)->pages == 4);
}

TEST_CASE("a walk from acquisition to acquisition and run to run meets every page once") {
  Pool pool;
  pool.add(0, 20);
  pool.add(100, 30);
  pool.runs.take(3);
  Span* const hole = pool.runs.take(5);
  pool.runs.take(7);
  pool.runs.give(hole, 0);
  size_t pages = 0;
  unsigned acquisitions = 0;
  for (const Span* a = pool.runs.acquisitions(); a != nullptr; a = a->next_acquisition) {
    acquisitions++;
    for (const Span* run = a; run != nullptr; run = pool.runs.next_run(run)) {
      pages += Runs::length(run);
    }
  }
  CHECK(acquisitions == 2);
  CHECK(pages == 50);
}

TEST_CASE("a run is taken at every alignment that its acquisition has room for") {
  for (size_t alignment = page; alignment <= 64 * page; alignment *= 2) {
    for (size_t first = 0; first < 8; first++) {
      Pool pool;
      pool.add(first, 200);
      Span* const run = pool.runs.take(3, alignment);
      REQUIRE(run != nullptr);
      CHECK(is_aligned(run->base, alignment));
      CHECK(run->pages == 3);
      CHECK(pool.runs.used_pages() == 3);
      CHECK(pool.runs.give(run, 0)->pages == 200);
    }
  }
}

TEST_CASE("what has just been added is taken from its start, whatever else is free") {
  Pool pool;
  pool.add(100, 33, 0, 33);
  pool.add(0, 40);
  Span* const run = pool.runs.take(34);
  REQUIRE(run != nullptr);
  CHECK(pool.index(run) == 0);
  CHECK(run->pages == 34);
  CHECK(pool.runs.used_pages() == 34);
  CHECK(pool.runs.give(run, 0)->pages == 40);
}

TEST_CASE("more pages than there can be are not there, at any alignment") {
  Pool pool;
  pool.add(0, 100);
  for (unsigned bit = 10; bit < sizeof(size_t) * __CHAR_BIT__; bit++) {
    CHECK(pool.runs.take(size_t{1} << bit) == nullptr);
    if (!is_aligned(pool.base, size_t{1} << bit))
      CHECK(pool.runs.take(1, size_t{1} << bit) == nullptr);
  }
  CHECK(pool.runs.take(SIZE_MAX) == nullptr);
  CHECK(pool.runs.take(SIZE_MAX, SIZE_MAX / 2 + 1) == nullptr);
}

TEST_CASE("a run grows in place into what is free behind it, and not a page further") {
  Pool pool;
  pool.add(0, 20);
  Span* const a = pool.runs.take(4);
  Span* const hole = pool.runs.take(6);
  pool.runs.take(10);
  CHECK_FALSE(pool.runs.extend(a, 5));
  pool.runs.give(hole, 0);
  CHECK_FALSE(pool.runs.extend(a, 11));
  CHECK(a->pages == 4);
  CHECK(pool.runs.extend(a, 7));
  CHECK(a->pages == 7);
  CHECK(pool.runs.used_pages() == 17);
  CHECK(pool.runs.extend(a, 10));
  CHECK_FALSE(pool.runs.extend(a, 11));
  CHECK(pool.runs.give(a, 0)->pages == 10);
}

TEST_CASE("a run at the end of an acquisition does not grow into the next") {
  Pool pool;
  pool.add(0, 4);
  pool.add(4, 4);
  Span* const low = pool.runs.take(4);
  Span* const high = pool.runs.take(4);
  pool.runs.give(pool.index(low) == 0 ? high : low, 0);
  CHECK_FALSE(pool.runs.extend(pool.index(low) == 0 ? low : high, 5));
}

TEST_CASE("runs whose descriptors lie scattered are cut and merged like others") {
  constexpr Options small_leaves{.page_size = 256,
                                 .span_size = 256,
                                 .address_bits = 22,
                                 .radix_leaf_bits = 2,
                                 .radix_inner_bits = 0};
  static constinit PageRuns<small_leaves> runs;
  constexpr size_t pages = 16, in_leaf = 4;
  constexpr size_t leaf_bytes =
      align_up(in_leaf * sizeof(Span) + sizeof(DeferredFrees::Region), alignof(Span));
  alignas(Span) static char nodes[pages / in_leaf * leaf_bytes];
  // Only as addresses; what lies there is not touched.
  char* const base = reinterpret_cast<char*>(uintptr_t{1 << 20});
  REQUIRE(runs.map().missing(base, pages * page) == leaf_bytes);
  for (size_t i = pages; i > 0; i -= in_leaf) {  // the later leaf lies before the earlier one
    REQUIRE(
        runs.map().install(base, pages * page, &nodes[(i / in_leaf - 1) * leaf_bytes], leaf_bytes));
  }
  runs.add(base, pages, 0, 0);
  for (size_t cut = 1; cut < pages - 1; cut++) {
    CAPTURE(cut);
    Span* const low = runs.take(cut);
    Span* const middle = runs.take(1);
    Span* const high = runs.take(pages - 1 - cut);
    REQUIRE((low != nullptr && middle != nullptr && high != nullptr));
    CHECK(runs.next_run(low) == middle);
    CHECK(runs.next_run(middle) == high);
    CHECK(runs.next_run(high) == nullptr);
    runs.give(low, 0);
    runs.give(high, 0);
    CHECK(runs.take(pages) == nullptr);
    Span* const whole = runs.give(middle, 0);
    CHECK(whole->base == base);
    CHECK(whole->pages == pages);
    CHECK(runs.is_releasable(whole));
  }
}

TEST_CASE("a run shortened in place gives its end to the free run behind") {
  Pool pool;
  pool.add(0, 20);
  Span* const a = pool.runs.take(12);
  Span* const end = pool.runs.shorten(a, 5);
  CHECK(a->pages == 5);
  CHECK(end->base == a->base + 5 * page);
  CHECK(end->pages == 7);
  CHECK(pool.runs.used_pages() == 12);
  CHECK(pool.runs.give(end, 7)->pages == 15);
  CHECK(pool.runs.used_pages() == 5);
}

TEST_CASE("only a free run that is all of an acquisition from a source is releasable") {
  Pool pool;
  Span* const own = pool.add(0, 8);
  CHECK(pool.runs.is_releasable(own));
  Span* const given = pool.add(20, 8, border_given);
  CHECK_FALSE(pool.runs.is_releasable(given));
  Span* const part = pool.runs.take(3);
  CHECK_FALSE(pool.runs.is_releasable(part));
}

TEST_CASE("a removed acquisition is forgotten, and its pages are nobody's") {
  Pool pool;
  pool.add(0, 4);
  Span* const middle = pool.add(10, 4);
  pool.add(20, 4);
  pool.runs.take_out(middle);
  pool.runs.remove(middle);
  CHECK(pool.runs.acquired_pages() == 8);
  CHECK(pool.runs.peak_acquired_pages() == 12);
  unsigned acquisitions = 0;
  for (const Span* a = pool.runs.acquisitions(); a != nullptr; a = a->next_acquisition) {
    CHECK(pool.index(a) != 10);
    acquisitions++;
  }
  CHECK(acquisitions == 2);
  for (size_t i = 10; i < 14; i++) {
    CHECK(pool.descriptors[i].kind == Kind::none);
    CHECK(pool.descriptors[i].border == border_none);
  }
}

TEST_CASE("dirty pages are counted while they are free") {
  Pool pool;
  pool.add(0, 10, 0, 10);
  pool.add(20, 10, 0, 0);
  CHECK(pool.runs.dirty_pages() == 10);
  // Runs in use already are preferred to untouched ones.
  Span* const run = pool.runs.take(10);
  CHECK(pool.index(run) == 0);
  CHECK(run->dirty == 10);
  CHECK(pool.runs.dirty_pages() == 0);
  Span* const clean = pool.runs.take(10);
  CHECK(clean->dirty == 0);
  pool.runs.give(run, 3);
  CHECK(pool.runs.dirty_pages() == 3);
}

TEST_CASE(
    "where a run's dirty pages are is not known: no part that is cut from it counts as clean") {
  Pool pool;
  pool.add(0, 10, 0, 4);
  Span* const first = pool.runs.take(3);
  CHECK(first->dirty == 3);
  CHECK(pool.runs.dirty_pages() == 1);
  Span* const second = pool.runs.take(2);
  CHECK(second->dirty == 1);
  CHECK(pool.runs.dirty_pages() == 1);
}

TEST_CASE("a run set aside is used but no peak, and comes back clean") {
  Pool pool;
  Span* const run = pool.add(0, 10, 0, 10);
  pool.runs.take_out(run);
  pool.runs.set_aside(run);
  CHECK(pool.runs.take(1) == nullptr);
  CHECK(pool.runs.used_pages() == 10);
  CHECK(pool.runs.peak_used_pages() == 0);
  CHECK(pool.runs.dirty_pages() == 0);
  pool.runs.give(run, 0);
  CHECK(pool.runs.used_pages() == 0);
  CHECK(pool.runs.dirty_pages() == 0);
  CHECK(pool.runs.take(10) != nullptr);
}

TEST_CASE("nothing is taken from an acquisition that is leaving, and all of it when it stays") {
  Pool pool;
  Span* const region = pool.add(0, 32, border_given);
  pool.add(64, 8);
  Span* const held = pool.runs.take(10);
  CHECK(pool.index(held) == 0);
  pool.runs.stop_taking(region);
  CHECK(Runs::is_leaving(held));
  CHECK(pool.index(pool.runs.take(1)) == 64);
  CHECK(pool.runs.take(8) == nullptr);
  CHECK_FALSE(pool.runs.extend(held, 11));
  Span* const end = pool.runs.shorten(held, 4);  // what comes back is leaving too
  pool.runs.give(end, 6);
  CHECK(pool.runs.take(8) == nullptr);
  CHECK(pool.runs.length_of_all(region) == 32);
  pool.runs.stop_taking(region);  // twice is as good as once
  pool.runs.resume_taking(region);
  CHECK_FALSE(Runs::is_leaving(held));
  Span* const rest = pool.runs.take(28);
  REQUIRE(rest != nullptr);
  CHECK(pool.index(rest) == 4);
  pool.runs.give(rest, 28);
  CHECK(pool.runs.give(held, 4)->pages == 32);
}
