// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/inspector.hpp: statistics, walk, check.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

namespace {

template <class C>
constexpr size_t span_of = C::options.span_size;
template <class C>
constexpr size_t page_of = C::options.page_size;

// Where a walk has been.
struct Seen {
  static constexpr size_t most = 2'000;
  void* blocks[most];
  size_t bytes[most];
  size_t count = 0;

  size_t find(const void* block) const {
    for (size_t i = 0; i < count; i++) {
      if (blocks[i] == block) return i;
    }
    return most;
  }
};
Seen seen;

template <class W>
bool walk(W& w) {
  seen.count = 0;
  return inspect(w.heap).walk([](void* block, size_t bytes) {
    if (seen.count == Seen::most) return false;
    seen.blocks[seen.count] = block;
    seen.bytes[seen.count++] = bytes;
    return true;
  });
}

}  // namespace

TEST_CASE_TEMPLATE("an empty heap has nothing, and is sound", C, SUPPORT_WORLDS) {
  Heap<C> heap;
  const Stats s = inspect(heap).stats();
  CHECK(s.live_blocks == 0);
  CHECK(s.live_bytes == 0);
  CHECK(s.used_bytes == 0);
  CHECK(s.peak_used_bytes == 0);
  CHECK(s.free_bytes == 0);
  CHECK(s.acquired_bytes == 0);
  CHECK(s.peak_acquired_bytes == 0);
  CHECK(s.metadata_bytes == 0);
  CHECK(s.acquisitions == 0);
  CHECK(s.releases == 0);
  CHECK(s.failures == 0);
  CHECK(s.bins == Heap<C>::Classes::count);
  CHECK(inspect(heap).check() == nullptr);
  CHECK(inspect(heap).walk([](void*, size_t) { return false; }));
}

TEST_CASE_TEMPLATE("live blocks and their usable bytes are counted", C, SUPPORT_WORLDS) {
  World<C> w;
  void* blocks[40] = {};
  size_t bytes = 0;
  size_t count = 0;
  for (size_t i = 0; i < 40; i++) {
    blocks[i] = w.heap.allocate(i * i);
    if (blocks[i] == nullptr) continue;
    bytes += w.heap.usable_size(blocks[i]);
    count++;
    CHECK(w.stats().live_blocks == count);
    CHECK(w.stats().live_bytes == bytes);
  }
  for (void* block : blocks) {
    if (block == nullptr) continue;
    bytes -= w.heap.usable_size(block);
    w.heap.deallocate(block);
    CHECK(w.stats().live_blocks == --count);
    CHECK(w.stats().live_bytes == bytes);
  }
  CHECK(count == 0);
}

TEST_CASE_TEMPLATE("a live block is in a bin, or counted as large", C, SUPPORT_WORLDS) {
  World<C> w;
  void* blocks[24] = {};
  size_t large_blocks = 0;
  size_t large_bytes = 0;
  for (size_t i = 0; i < 24; i++) {
    blocks[i] = w.heap.allocate(i % 3 == 0 ? span_of<C> + (i + 1) * page_of<C> : 1 + i * 5);
    if (blocks[i] == nullptr || i % 3 != 0) continue;
    large_blocks++;
    large_bytes += w.heap.usable_size(blocks[i]);
  }
  w.heap.pages().deallocate(w.heap.pages().allocate(3));  // no block
  const Stats s = w.stats();
  CHECK(s.large_blocks == large_blocks);
  CHECK(s.large_bytes == large_bytes);
  size_t live_blocks = s.large_blocks;
  size_t live_bytes = s.large_bytes;
  for (size_t bin = 0; bin < s.bins; bin++) {
    const BinStats b = inspect(w.heap).bin_stats(bin);
    live_blocks += b.live;
    live_bytes += b.live * b.slot_bytes;
  }
  CHECK(live_blocks == s.live_blocks);
  CHECK(live_bytes == s.live_bytes);
  for (void* block : blocks) w.heap.deallocate(block);
  CHECK(w.stats().large_blocks == 0);
  CHECK(w.stats().large_bytes == 0);
}

TEST_CASE_TEMPLATE("used bytes are those of spans, large blocks and page runs; the peak stays", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  CHECK(w.stats().used_bytes == 0);
  void* const small = w.heap.allocate(16);
  CHECK(w.stats().used_bytes == span_of<C>);
  void* const run = w.heap.pages().allocate(1);
  REQUIRE(run != nullptr);
  CHECK(w.stats().used_bytes == span_of<C> + page_of<C>);
  CHECK(w.stats().live_blocks == 1);  // a page run is no block
  size_t large_bytes = 0;
  void* const large = w.heap.allocate(span_of<C> + 1);
  if (large != nullptr) {
    large_bytes = align_up(span_of<C> + 1, size_t{page_of<C>});
    CHECK(w.stats().used_bytes == span_of<C> + page_of<C> + large_bytes);
  }
  const size_t peak = w.stats().used_bytes;
  w.heap.deallocate(large);
  w.heap.pages().deallocate(run);
  w.heap.deallocate(small);
  CHECK(w.stats().used_bytes == span_of<C>);  // the span stays with its bin
  w.heap.trim();
  CHECK(w.stats().used_bytes == 0);
  CHECK(w.stats().peak_used_bytes == peak);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("acquired bytes go down with releases, their peak does not", C,
                   SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  void* const a = w.heap.allocate(C::options.acquire_size);
  REQUIRE(a != nullptr);
  const Stats most = w.stats();
  CHECK(most.acquired_bytes >= C::options.acquire_size);
  CHECK(most.peak_acquired_bytes == most.acquired_bytes);
  w.heap.deallocate(a);
  w.heap.trim();
  CHECK(w.stats().acquired_bytes == 0);
  CHECK(w.stats().peak_acquired_bytes == most.acquired_bytes);
  CHECK(w.stats().releases >= 1);
  CHECK(w.stats().metadata_bytes == w.source().held_bytes());
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a bin knows its spans, slots and live blocks", C, SUPPORT_WORLDS) {
  World<C> w;
  using Classes = typename Heap<C>::Classes;
  const SizeClass c = Classes::of(span_of<C> / 4);
  const size_t slots = Classes::layout(c).count();
  void* blocks[9];
  for (size_t i = 0; i < 5; i++) {
    blocks[i] = w.heap.allocate(span_of<C> / 4);
    REQUIRE(blocks[i] != nullptr);
    const BinStats s = inspect(w.heap).bin_stats(c);
    CHECK(s.slot_bytes == Classes::layout(c).size);
    if (!support::has_caches) CHECK(s.spans == i / slots + 1);  // they take more than is asked for
    CHECK(s.slots == s.spans * slots);
    CHECK(s.live == i + 1);
  }
  for (SizeClass other = 0; other < Classes::count; other++) {
    if (other == c) continue;
    CHECK(inspect(w.heap).bin_stats(other).spans == 0);
    CHECK(inspect(w.heap).bin_stats(other).slot_bytes == Classes::layout(other).size);
  }
  for (size_t i = 0; i < 5; i++) w.heap.deallocate(blocks[i]);
  CHECK(inspect(w.heap).bin_stats(c).live == 0);
  if (support::has_caches) w.heap.trim();
  CHECK(inspect(w.heap).bin_stats(c).spans <= 1);
}

TEST_CASE_TEMPLATE("a walk meets every live block once, with its usable bytes, and nothing else", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  support::Random random(17);
  void* blocks[300] = {};
  for (void*& block : blocks) {
    block = w.heap.allocate(random.below(size_t{1} << random.below(11)));
  }
  void* const run = w.heap.pages().allocate(1);  // not a block
  for (size_t i = 0; i < 300; i += 3) {
    w.heap.deallocate(blocks[i]);
    blocks[i] = nullptr;
  }
  CHECK(walk(w));
  size_t live = 0;
  for (void* block : blocks) {
    if (block == nullptr) continue;
    live++;
    const size_t i = seen.find(block);
    REQUIRE(i != Seen::most);
    CHECK(seen.bytes[i] == w.heap.usable_size(block));
  }
  CHECK(seen.count == live);
  CHECK(seen.find(run) == Seen::most);
  for (void* block : blocks) w.heap.deallocate(block);
  w.heap.pages().deallocate(run);
  CHECK(walk(w));
  CHECK(seen.count == 0);
}

TEST_CASE_TEMPLATE("a walk stops when the visitor says so", C, SUPPORT_WORLDS) {
  World<C> w;
  void* blocks[5];
  for (void*& block : blocks) block = w.heap.allocate(16);
  int visited = 0;
  CHECK_FALSE(inspect(w.heap).walk([&](void*, size_t) { return ++visited < 3; }));
  CHECK(visited == 3);
  visited = 0;
  CHECK(inspect(w.heap).walk([&](void*, size_t) { return ++visited <= 5; }));
  CHECK(visited == 5);
  for (void* block : blocks) w.heap.deallocate(block);
}

TEST_CASE_TEMPLATE("blocks of 4 bytes are walked one by one", C, SUPPORT_WORLDS) {
  World<C> w;
  void* blocks[50];
  for (void*& block : blocks) block = w.heap.allocate(4, 4);
  w.heap.deallocate(blocks[7], 4, 4);
  w.heap.deallocate(blocks[49], 4, 4);
  CHECK(walk(w));
  CHECK(seen.count == 48);
  CHECK(seen.find(blocks[7]) == Seen::most);
  CHECK(seen.find(blocks[8]) != Seen::most);
}

TEST_CASE_TEMPLATE("the check finds an overwritten link", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* const keep = w.heap.allocate(16);
  char* const freed = static_cast<char*>(w.heap.allocate(16));
  w.heap.deallocate(freed);
  CHECK(inspect(w.heap).check() == nullptr);
  const char before = freed[2];
  freed[2] = static_cast<char>(before ^ 0x40);
  const char* const sentence = inspect(w.heap).check();
  REQUIRE(sentence != nullptr);
  CHECK(sentence[0] != '\0');
  freed[2] = before;
  CHECK_SOUND(w);
  w.heap.deallocate(keep);
}

TEST_CASE_TEMPLATE("an unchecked heap's check finds a list that leads astray", C,
                   SUPPORT_UNCHECKED_WORLDS) {
  World<C> w;
  void* const keep = w.heap.allocate(16);
  char* const freed = static_cast<char*>(w.heap.allocate(16));
  w.heap.deallocate(freed);
  CHECK_SOUND(w);
  const uint16_t astray = 3;  // no multiple of a slot
  uint16_t before;
  __builtin_memcpy(&before, freed, sizeof before);
  __builtin_memcpy(freed, &astray, sizeof astray);
  CHECK(inspect(w.heap).check() != nullptr);
  __builtin_memcpy(freed, &before, sizeof before);
  CHECK_SOUND(w);
  w.heap.deallocate(keep);
}

TEST_CASE_TEMPLATE("the lock is held during a walk and free afterwards", C, SUPPORT_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(16);
  bool held = false;
  inspect(w.heap).walk([&](void*, size_t) {
    held = support::WatchedLock::is_held();
    return true;
  });
  CHECK(held);
  CHECK_FALSE(support::WatchedLock::is_held());
  (void)inspect(w.heap).check();
  (void)inspect(w.heap).stats();
  CHECK_FALSE(support::WatchedLock::is_held());
  w.heap.deallocate(block);
}

TEST_CASE("what is to be had above the largest bin may be shorter than a span") {
  World<support::MultiPageSpans> w;
  constexpr size_t three_pages = 12 * KiB;
  void* blocks[64];
  size_t count = 0;
  while (count < 64 && (blocks[count] = w.heap.allocate(three_pages)) != nullptr) count++;
  REQUIRE(count > 2);
  REQUIRE(count < 64);
  w.heap.deallocate(blocks[0]);
  CHECK(w.stats().longest_run_bytes == three_pages);
  CHECK(w.stats().largest_block_bytes == three_pages);
  CHECK(w.heap.allocate(three_pages + 1) == nullptr);
  CHECK((blocks[0] = w.heap.allocate(three_pages)) != nullptr);
  while (count != 0) w.heap.deallocate(blocks[--count]);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("what is said to be had at once is, and no more", C, SUPPORT_WORLDS) {
  World<C> w;
  support::Random random(3);
  void* blocks[60] = {};
  for (int round = 0; round < 300; round++) {
    void*& block = blocks[random.below(60)];
    w.heap.deallocate(block);
    block = w.heap.allocate(random.below(size_t{1} << random.below(16)));
    if (round % 10 != 0) continue;
    w.heap.trim();
    w.source().fail_always_after(0);
    const Stats s = w.stats();
    CHECK(s.longest_run_bytes == w.heap.pages().longest_run_bytes());
    CHECK(s.free_bytes == w.heap.pages().free_bytes());
    CHECK(s.longest_run_bytes <= s.free_bytes);
    CHECK(w.heap.pages().allocate(s.longest_run_bytes / page_of<C> + 1) == nullptr);
    void* const run = w.heap.pages().allocate(s.longest_run_bytes / page_of<C>);
    CHECK((run != nullptr) == (s.longest_run_bytes != 0));
    w.heap.pages().deallocate(run);
    w.heap.trim();
    CHECK(w.heap.allocate(w.stats().largest_block_bytes + 1) == nullptr);
    w.heap.trim();
    void* const largest = w.heap.allocate(w.stats().largest_block_bytes);
    CHECK((largest != nullptr || s.largest_block_bytes == 0));
    w.heap.deallocate(largest);
    w.source().fail_never();
    CHECK_SOUND(w);
  }
  for (void* block : blocks) w.heap.deallocate(block);
}

TEST_CASE_TEMPLATE("the walk over runs passes every page once and says what it is used for", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  void* blocks[40] = {};
  for (size_t i = 0; i < 40; i++) blocks[i] = w.heap.allocate(i * 4);
  void* const large = w.heap.allocate(span_of<C> + 1);
  void* const pages = w.heap.pages().allocate(2);
  for (size_t i = 0; i < 40; i += 2) w.heap.deallocate(blocks[i]);

  struct Totals {
    size_t bytes[5] = {};
    size_t blocks = 0;
    size_t spans[48] = {};
    size_t starts = 0;
    bool are_whole_pages = true;
    const void* end = nullptr;
    const void* large = nullptr;
    const void* pages = nullptr;
  } totals;
  CHECK(inspect(w.heap).walk_runs([&](const Run& run) {
    totals.bytes[static_cast<int>(run.use)] += run.bytes;
    totals.blocks += run.live;
    if (run.use == Use::slots) totals.spans[run.bin]++;
    if (run.use == Use::large) totals.large = run.base;
    if (run.use == Use::pages) totals.pages = run.base;
    if (run.base != totals.end) totals.starts++;
    totals.end = static_cast<const char*>(run.base) + run.bytes;
    if (run.bytes == 0 || run.bytes % page_of<C> != 0) totals.are_whole_pages = false;
    return true;
  }));
  const Stats s = w.stats();
  CHECK(totals.bytes[static_cast<int>(Use::free)] == s.free_bytes);
  CHECK(totals.bytes[static_cast<int>(Use::slots)] + totals.bytes[static_cast<int>(Use::large)] +
            totals.bytes[static_cast<int>(Use::pages)] +
            totals.bytes[static_cast<int>(Use::reserve)] ==
        s.used_bytes);
  CHECK(totals.bytes[static_cast<int>(Use::reserve)] == s.reserved_pages * page_of<C>);
  CHECK(totals.blocks == s.live_blocks);
  CHECK(totals.are_whole_pages);
  CHECK(totals.starts <= s.acquisitions + 1);
  CHECK(totals.large == large);
  CHECK(totals.pages == pages);
  for (size_t i = 0; i < s.bins; i++) {
    CHECK(totals.spans[i] == inspect(w.heap).bin_stats(i).spans);
  }

  size_t visited = 0;
  CHECK_FALSE(inspect(w.heap).walk_runs([&](const Run&) { return ++visited != 2; }));
  CHECK(visited == 2);

  for (size_t i = 1; i < 40; i += 2) w.heap.deallocate(blocks[i]);
  w.heap.deallocate(large);
  w.heap.pages().deallocate(pages);
}

namespace {
constexpr Options with_reserve() {
  Options o = support::firmware;
  o.reserve_pages = 6;
  return o;
}
struct WithReserve : support::Configuration<with_reserve()> {};
}  // namespace

TEST_CASE("the walk over runs tells the reserve from runs of pages") {
  World<WithReserve> w;
  void* const block = w.heap.allocate(100);
  size_t pages = 0;
  size_t reserved = 0;
  inspect(w.heap).walk_runs([&](const Run& run) {
    if (run.use == Use::pages) pages += run.bytes;
    if (run.use == Use::reserve) reserved += run.bytes;
    return true;
  });
  CHECK(pages == 0);
  CHECK(reserved == 6 * page_of<WithReserve>);
  w.heap.deallocate(block);
}
