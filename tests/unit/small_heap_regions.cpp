// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::SmallHeap: the least regions, regions that grow and shrink, and heaps begun anew.
#include "rsb/small_inspector.hpp"
#include "support/test.hpp"

using namespace rsb;
using support::of;

namespace {

alignas(16) char pool[64 * KiB];
alignas(16) char more[16 * KiB];

struct Table {
  using Lock = NoLock;
  static constexpr SmallOptions options{.largest_region = 64 * KiB, .statistics = true};
};

struct Words {
  using Lock = NoLock;
  static constexpr SmallOptions options{
      .words = true, .largest_region = 64 * KiB, .deferred_batch = 2, .statistics = true};
};

struct Unchecked {
  using Lock = NoLock;
  static constexpr SmallOptions options{.checks = Checks::off, .largest_region = 64 * KiB};
};

// Memory that nobody may look at when it was taken back.
struct Ends {
  static inline size_t bytes = 0;
  static inline bool takes = true;

  Region next_region() noexcept {
    if (bytes != 0) return {};
    bytes = sizeof more;
    return {more, bytes};
  }
  bool take_back(void* end, size_t end_bytes) noexcept {
    if (!takes || bytes_from(more, end) >= sizeof more) return false;
    support::fill(end, end_bytes, 0xff);
    bytes -= end_bytes;
    return true;
  }
};

struct GivingBack {
  using Lock = NoLock;
  using Pages = Ends;
  static constexpr SmallOptions options{.largest_region = 64 * KiB};
};

struct GivingBackWords {
  using Lock = NoLock;
  using Pages = Ends;
  static constexpr SmallOptions options{.words = true, .largest_region = 64 * KiB};
};

// Its tables move, and are used up to their ends.
struct Long {
  using Lock = NoLock;
  static constexpr SmallOptions options{.largest_region = 256 * KiB, .statistics = true};
};

struct AsGiven {
  using Lock = NoLock;
  static constexpr SmallOptions options{};
};

template <class Config>
SmallStats stats_of(SmallHeap<Config>& heap) {
  return inspect(heap).stats();
}

template <class Config>
const char* broken_in(SmallHeap<Config>& heap) {
  return inspect(heap).check();
}

// What the system of a process does at its break, or a virtual machine with its linear memory: one
// region, which is larger each time.
struct Break {
  static inline size_t bytes = 0;

  Region next_region() noexcept {
    if (bytes == sizeof pool) return {};
    bytes = smaller(bytes + 1'000, sizeof pool);
    return {pool, bytes};
  }
  bool take_back(void* end, size_t end_bytes) noexcept {
    if (static_cast<char*>(end) + end_bytes != pool + bytes) return false;
    bytes -= end_bytes;
    return true;
  }
};

struct Growing {
  using Lock = NoLock;
  using Pages = Break;
  static constexpr SmallOptions options{.largest_region = 64 * KiB};
};

struct GrowingWords {
  using Lock = NoLock;
  using Pages = Break;
  static constexpr SmallOptions options{.words = true, .largest_region = 64 * KiB};
};

// Live blocks with contents.
template <class Config, size_t most>
class Blocks {
 public:
  explicit Blocks(SmallHeap<Config>& the_heap) : heap_(the_heap) {}

  bool allocate(size_t size) {
    if (count_ == most) return false;
    void* const p = heap_.allocate(size);
    if (p == nullptr) return false;
    support::fill_pattern(p, size, static_cast<unsigned>(size));
    blocks_[count_++] = {p, size};
    return true;
  }
  void deallocate(size_t which) {
    if (count_ == 0) return;
    Block& at = blocks_[which % count_];
    const Block b = at;
    CHECK(support::holds_pattern(b.p, b.size, static_cast<unsigned>(b.size)));
    count_--;
    at = blocks_[count_];
    heap_.deallocate(b.p);
  }
  void deallocate_all() {
    while (count_ != 0) deallocate(0);
  }
  size_t count() const { return count_; }

 private:
  struct Block {
    void* p;
    size_t size;
  };
  SmallHeap<Config>& heap_;
  static inline Block blocks_[most];
  size_t count_ = 0;
};

}  // namespace

TEST_CASE_TEMPLATE("a region may be as small as the heap says, or anywhere", Config, Table, Words,
                   Unchecked, AsGiven) {
  using Heap = SmallHeap<Config>;
  const size_t most = Heap::least_first_region + 300;
  for (size_t bytes = 0; bytes < most; bytes++) {
    Heap heap;
    char* const at = pool + bytes % 13;
    support::fill(at + bytes, 16, 0x5a);
    const size_t added = heap.add_region(at, bytes);
    CHECK((added != 0) == (stats_of(heap).region_bytes != 0));
    if (bytes >= Heap::least_first_region) CHECK(added != 0);
    if (added == 0) continue;
    CHECK(added < bytes);
    size_t allocated = 0;
    while (heap.allocate(1) != nullptr) allocated++;
    CHECK(allocated == added / Heap::least_block);
    CHECK(support::holds_only(at + bytes, 16, 0x5a));
    CHECK(broken_in(heap) == nullptr);
  }
  for (size_t bytes = 0; bytes < 400; bytes++) {
    Heap heap;
    REQUIRE(heap.add_region(pool, sizeof pool) != 0);
    while (heap.allocate(1) != nullptr) {
    }
    char* const at = more + bytes % 13;
    support::fill(at + bytes, 16, 0x5a);
    const size_t added = heap.add_region(at, bytes);
    if (bytes >= Heap::least_region) CHECK(added != 0);
    size_t allocated = 0;
    while (heap.allocate(1) != nullptr) allocated++;
    CHECK(allocated == added / Heap::least_block);
    CHECK(support::holds_only(at + bytes, 16, 0x5a));
    CHECK(broken_in(heap) == nullptr);
  }
  if (small_granule == 8) CHECK(SmallHeap<Unchecked>::least_region <= 88);
}

TEST_CASE_TEMPLATE("a region that grows keeps what is in it", Config, Table, Words, Unchecked) {
  for (const bool is_first : {true, false}) {
    CAPTURE(is_first);
    SmallHeap<Config> heap;
    if (!is_first) REQUIRE(heap.add_region(more, 2 * KiB) != 0);
    Blocks<Config, 4'000> blocks(heap);
    size_t bytes = 2 * KiB;
    size_t of_blocks = heap.add_region(pool, bytes);
    REQUIRE(of_blocks != 0);
    support::Random random(11);
    for (size_t step = 1; bytes < sizeof pool - 3 * KiB; step++) {
      while (blocks.allocate(random.below(step % 3 == 0 ? 700 : 90))) {
      }
      for (size_t i = blocks.count() / 3; i != 0; i--) blocks.deallocate(random.next());
      const size_t by = random.below(3 * KiB);
      const size_t before = stats_of(heap).region_bytes + stats_of(heap).metadata_bytes;
      const size_t added = heap.extend_region(pool, by);
      CHECK(broken_in(heap) == nullptr);
      if (added == 0) continue;  // too little, or no room for a larger table
      bytes += by;
      CHECK(added > by - small_granule);
      CHECK(added < by + small_granule);
      CHECK(stats_of(heap).region_bytes + stats_of(heap).metadata_bytes == before + added);
    }
    CHECK(heap.extend_region(pool, 4 * KiB) == 0);  // beyond the largest region
    CHECK(heap.extend_region(more + 1, 4 * KiB) == 0);
    blocks.deallocate_all();
    CHECK(broken_in(heap) == nullptr);
    CHECK(stats_of(heap).live_blocks == 0);
    CHECK(stats_of(heap).metadata_bytes < 4 * KiB);
    if (is_first) continue;
    const size_t in_first = stats_of(heap).regions;
    CHECK(in_first == 2);
    CHECK(heap.remove_region(pool, bytes) != 0);
    support::fill(pool, bytes, 0xa5);
    CHECK(broken_in(heap) == nullptr);
  }
}

TEST_CASE_TEMPLATE("a region whose most is known keeps its table", Config, Table, Words) {
  SmallHeap<Config> heap;
  const size_t first = heap.add_region(pool, 4 * KiB, sizeof pool);
  REQUIRE(first != 0);
  const size_t metadata = stats_of(heap).metadata_bytes;
  CHECK(heap.extend_region(pool, 60 * KiB) == 60 * KiB);
  CHECK(stats_of(heap).metadata_bytes == metadata);
  CHECK(stats_of(heap).region_bytes == first + 60 * KiB);
  CHECK(heap.allocate(60'000) != nullptr);
  CHECK(broken_in(heap) == nullptr);
}

TEST_CASE("no region grows beyond the first one's size, if that is all that is known") {
  SmallHeap<AsGiven> heap;
  REQUIRE(heap.add_region(pool, 4 * KiB) != 0);
  CHECK(heap.extend_region(pool, 4 * KiB) == 0);
  CHECK(broken_in(heap) == nullptr);
}

TEST_CASE("a table that has moved is nobody's block") {
  SmallHeap<Table> heap;
  REQUIRE(heap.add_region(pool, 4 * KiB) != 0);
  support::drop(heap.allocate(100));
  REQUIRE(heap.extend_region(pool, 32 * KiB) != 0);
  size_t tables = 0;
  inspect(heap).walk_pieces([&](const SmallPiece& piece) {
    if (piece.use != SmallUse::table) return true;
    tables++;
    char* const p = static_cast<char*>(const_cast<void*>(piece.base));
    for (size_t at = 0; at < piece.bytes; at += small_granule) {
      CHECK(support::fault_of([&] { heap.deallocate(p + at); }) != support::no_fault);
    }
    CHECK(heap.block_with(p + 8) == nullptr);
    return true;
  });
  CHECK(tables == 1);
  CHECK(stats_of(heap).live_blocks == 1);
  heap.clear();
  CHECK(broken_in(heap) == nullptr);
  CHECK(stats_of(heap).live_blocks == 0);
  CHECK(heap.allocate(30'000) != nullptr);
}

TEST_CASE_TEMPLATE("the free end of a region is given back", Config, Table, Words, Unchecked) {
  SmallHeap<Config> heap;
  REQUIRE(heap.add_region(pool, 16 * KiB) != 0);
  char* const a = static_cast<char*>(heap.allocate(1'000));
  char* const b = static_cast<char*>(heap.allocate(3'000));
  const size_t given = heap.shrink_region(pool, 500);
  CHECK(given > 11'000);
  char* const end = pool + 16 * KiB - given;
  support::fill(end, given, 0xa5);
  CHECK(broken_in(heap) == nullptr);
  CHECK(heap.allocate(1'000) == nullptr);
  CHECK(heap.allocate(400) != nullptr);
  heap.deallocate(b);
  heap.deallocate(a);
  CHECK(heap.shrink_region(pool, SIZE_MAX) == 0);
  CHECK(heap.shrink_region(more) == 0);
  CHECK(support::holds_only(end, given, 0xa5));
  CHECK(heap.extend_region(pool, given) >= given - small_granule);
  CHECK(heap.allocate(10'000) != nullptr);
  CHECK(broken_in(heap) == nullptr);
}

TEST_CASE_TEMPLATE("so it is of a later one, which keeps a block at least", Config, Table, Words,
                   Unchecked) {
  for (size_t keep = 0; keep < 200; keep += 4) {
    CAPTURE(keep);
    SmallHeap<Config> heap;
    REQUIRE(heap.add_region(pool, 2 * KiB) != 0);
    REQUIRE(heap.add_region(more, 4 * KiB) != 0);
    const size_t given = heap.shrink_region(more, keep);
    const size_t left = 4 * KiB - given;
    CHECK(given > 4 * KiB - 200 - keep);
    CHECK(broken_in(heap) == nullptr);
    CHECK(heap.extend_region(more, given) != 0);
    char* p;
    do {
      p = static_cast<char*>(heap.allocate(900));
    } while (bytes_from(more, p) > 4 * KiB);
    CHECK(heap.shrink_region(more, keep) < given - 800);
    CHECK(broken_in(heap) == nullptr);
    heap.deallocate(p);
    CHECK(broken_in(heap) == nullptr);
    CHECK(left >= keep);
    CHECK(heap.remove_region(more, 4 * KiB) != 0);
  }
}

TEST_CASE_TEMPLATE("a source may say that the region it gave is larger", Config, Growing,
                   GrowingWords) {
  Break::bytes = 0;
  static char own[4 * KiB];
  SmallHeap<Config> heap;
  Blocks<Config, 2'000> blocks(heap);
  support::Random random(5);
  for (int round = 0; round < 4; round++) {
    size_t allocated = 0;
    while (blocks.allocate(random.below(300))) allocated++;
    CHECK(allocated > 100);
    CHECK(stats_of(heap).regions == (round < 3 ? 1 : 2));
    CHECK(Break::bytes == sizeof pool);
    CHECK(broken_in(heap) == nullptr);
    blocks.deallocate_all();
    if (round == 2) CHECK(heap.add_region(own, sizeof own) != 0);  // which is not Break's
    const size_t trimmed = heap.trim();
    CHECK(trimmed > 25'000);  // an old table may lie behind
    CHECK(Break::bytes == sizeof pool - trimmed);
    CHECK(broken_in(heap) == nullptr);
  }
}

TEST_CASE_TEMPLATE("a heap begun anew is as it was", Config, Table, Words, Unchecked) {
  SmallHeap<Config> heap;
  heap.clear();
  REQUIRE(heap.add_region(pool, 16 * KiB) != 0);
  REQUIRE(heap.add_region(more, 4 * KiB) != 0);
  const SmallStats before = stats_of(heap);
  for (int round = 0; round < 3; round++) {
    void* last = nullptr;
    while (void* const p = heap.allocate(100)) last = p;
    if constexpr (Config::options.deferred_batch != 0) heap.deallocate_nowait(last);
    support::fill(static_cast<char*>(last) + 16, 50, 0xff);
    heap.clear();
    CHECK(broken_in(heap) == nullptr);
    const SmallStats after = stats_of(heap);
    CHECK(after.live_blocks == 0);
    CHECK(after.deferred_blocks == 0);
    CHECK(after.free_bytes == before.free_bytes);
    CHECK(after.largest_request == before.largest_request);
    CHECK(after.regions == 2);
  }
}

TEST_CASE("a table that moved is whole when the heap is begun anew") {
  constexpr size_t some = 3 * KiB;
  constexpr size_t covered = 64 * small_granule * small_granule * 8;  // by a table that has moved
  alignas(16) static char grown[covered + 8 * KiB];
  SmallHeap<Long> heap;
  REQUIRE(heap.add_region(pool, 2 * KiB) != 0);
  REQUIRE(heap.add_region(grown, some) != 0);
  REQUIRE(heap.extend_region(grown, covered / small_granule / 8 + some) != 0);
  const size_t free_bytes = heap.free_bytes();
  heap.clear();
  CHECK(heap.free_bytes() == free_bytes);
  CHECK(heap.least_free_bytes() == free_bytes);
  CHECK(broken_in(heap) == nullptr);
  REQUIRE(heap.extend_region(grown, covered - 3 * some) != 0);
  char* const p = static_cast<char*>(heap.allocate(heap.largest_request()));
  REQUIRE(bytes_from(grown, p) < sizeof grown);
  const size_t bytes = heap.usable_size(p);
  for (size_t i = small_granule; i < bytes; i += small_granule) {
    if (support::fault_of([&] { heap.deallocate(p + i); }) == support::no_fault) FAIL(i);
  }
}

TEST_CASE_TEMPLATE("what a source has taken back is not looked at", Config, GivingBack,
                   GivingBackWords) {
  for (const bool takes : {true, false}) {
    Ends::bytes = 0;
    Ends::takes = takes;
    SmallHeap<Config> heap;
    REQUIRE(heap.add_region(pool, 2 * KiB) != 0);
    void* const p = heap.allocate(3 * KiB);
    REQUIRE(p != nullptr);
    CHECK((heap.trim() > 8 * KiB) == takes);
    CHECK((Ends::bytes == sizeof more) != takes);
    CHECK(broken_in(heap) == nullptr);
    CHECK((heap.allocate(8 * KiB) == nullptr) == takes);
  }
}
