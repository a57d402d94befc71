// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/small_inspector.hpp: what it says of pieces and, as rsb.h has them, statistics.
#include "rsb/small_inspector.hpp"

#include "support/test.hpp"

using namespace rsb;

namespace {

struct Config {
  using Lock = NoLock;
  static constexpr SmallOptions options{};
};

struct Counting {
  using Lock = NoLock;
  static constexpr SmallOptions options{.statistics = true};
};

alignas(16) char pool[16 * KiB];
alignas(16) char more[4 * KiB];

struct Totals {
  size_t bytes[4] = {};
  size_t count[4] = {};
  const char* end = nullptr;
  unsigned gaps = 0;  // places where a piece does not begin where the last one ended

  bool add(const SmallPiece& piece) {
    const int use = static_cast<int>(piece.use);
    bytes[use] += piece.bytes;
    count[use]++;
    gaps += piece.base != end;
    end = static_cast<const char*>(piece.base) + piece.bytes;
    return true;
  }
  size_t bytes_of(SmallUse use) const { return bytes[static_cast<int>(use)]; }
  size_t count_of(SmallUse use) const { return count[static_cast<int>(use)]; }
};

}  // namespace

TEST_CASE("pieces fill the regions, and are what they are used for") {
  SmallHeap<Config> heap;
  CHECK(inspect(heap).walk_pieces([](const SmallPiece&) { return false; }));  // there are none
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* blocks[40];
  for (void*& p : blocks) p = heap.allocate(48);
  void* const large = heap.allocate(1'000);
  support::drop(heap.allocate(100));
  heap.deallocate(large);
  heap.deallocate(blocks[39]);
  REQUIRE(heap.add_region(more, sizeof more) != 0);

  Totals seen;
  CHECK(inspect(heap).walk_pieces([&](const SmallPiece& piece) { return seen.add(piece); }));
  const SmallStats s = inspect(heap).stats();
  CHECK(seen.gaps == 2);  // each region begins somewhere
  CHECK(seen.count_of(SmallUse::block) == s.live_blocks);
  CHECK(s.live_blocks == 40);
  CHECK(seen.count_of(SmallUse::free) == s.free_blocks);
  CHECK(seen.count_of(SmallUse::table) == 0);
  CHECK(seen.count_of(SmallUse::top) == 1);
  CHECK(seen.count_of(SmallUse::free) >= 2);
  CHECK(seen.bytes_of(SmallUse::free) + seen.bytes_of(SmallUse::top) == s.free_bytes);
  CHECK(seen.bytes[0] + seen.bytes[1] + seen.bytes[2] + seen.bytes[3] == s.region_bytes);

  for (const int most : {1, 10, 20}) {
    int visited = 0;
    CHECK_FALSE(inspect(heap).walk_pieces([&](const SmallPiece&) { return ++visited < most; }));
    CHECK(visited == most);
  }
}

TEST_CASE("statistics as the C interface has them") {
  SmallHeap<Config> heap;
  CHECK(static_cast<rsb_stats>(inspect(heap).stats()).acquired_bytes == 0);
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  const rsb_stats empty = static_cast<rsb_stats>(inspect(heap).stats());
  CHECK(empty.used_bytes == 0);
  CHECK(empty.longest_run_bytes == empty.free_bytes);  // not fragmented
  void* const p = heap.allocate(100);
  support::drop(heap.allocate(200));
  heap.deallocate(p);
  const SmallStats small = inspect(heap).stats();
  const rsb_stats s = static_cast<rsb_stats>(small);
  CHECK(s.live_blocks == 1);
  CHECK(s.live_bytes == small.live_bytes);
  CHECK(s.used_bytes == s.live_bytes + SmallHeap<Config>::block_overhead);
  CHECK(s.used_bytes + s.free_bytes == s.acquired_bytes);
  CHECK(s.acquired_bytes == small.region_bytes);
  CHECK(s.peak_acquired_bytes == s.acquired_bytes);
  CHECK(s.metadata_bytes == small.metadata_bytes);
  CHECK(s.largest_block_bytes == small.largest_request);
  CHECK(s.longest_run_bytes < s.free_bytes);
  CHECK(s.bins == 0);
  CHECK(s.peak_used_bytes == 0);  // not counted
}

TEST_CASE("the most ever used is known if it is counted, also if that was all") {
  SmallHeap<Counting> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  const auto peak = [&] { return static_cast<rsb_stats>(inspect(heap).stats()).peak_used_bytes; };
  CHECK(peak() == 0);
  heap.deallocate(heap.allocate(1'024));
  CHECK(peak() == 1'024);
  heap.deallocate(heap.allocate(heap.largest_request()));
  CHECK(peak() == inspect(heap).stats().region_bytes);
}
