// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/small_heap.hpp and what looks into it.
#include "rsb/small_heap.hpp"

#include <new>

#include "support/small_heap_model.hpp"
#include "support/watched_lock.hpp"

using namespace rsb;
using support::of;

namespace {

struct Checked {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{};
};

struct Unchecked {
  using Lock = NoLock;
  static constexpr SmallOptions options{.checks = Checks::off};
};

struct Words {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.words = true, .deferred_batch = 2};
};

struct WordsUnchecked {
  using Lock = NoLock;
  static constexpr SmallOptions options{.checks = Checks::off, .words = true};
};

struct Counting {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.statistics = true};
};

struct Deferring {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.deferred_batch = 2};
};

struct DeferringUnchecked {
  using Lock = NoLock;
  static constexpr SmallOptions options{.checks = Checks::off, .deferred_batch = 1};
};

struct Large {
  using Lock = NoLock;
  static constexpr SmallOptions options{.largest_region = 64 * KiB};
};

constexpr size_t pool_bytes = 64 * KiB;
// Aligned as far as marks look at addresses: so it is the same everywhere which wrong ones they
// know.
alignas(8 * KiB) char pool[pool_bytes];
alignas(16) char more[16 * KiB];

template <class Config>
SmallStats stats_of(SmallHeap<Config>& heap) {
  return SmallHeapInspector<Config>(heap).stats();
}

template <class Config>
const char* broken_in(SmallHeap<Config>& heap) {
  return SmallHeapInspector<Config>(heap).check();
}

template <class Config>
size_t fill_with(SmallHeap<Config>& heap, size_t size) {
  size_t count = 0;
  while (heap.allocate(size) != nullptr) count++;
  return count;
}

}  // namespace

TEST_CASE_TEMPLATE("whatever is asked of a small heap, it does what its model does", Config,
                   Checked, Unchecked, Words, WordsUnchecked, Counting, Deferring,
                   DeferringUnchecked) {
  static support::SmallHeapModel<Config>* model;
  alignas(support::SmallHeapModel<Config>) static char memory[sizeof(*model)];
  for (uint32_t seed = 1; seed <= 6; seed++) {
    model = new (memory) support::SmallHeapModel<Config>;
    support::Random random(seed * 0x9e3779b9u);
    // Some seeds ask for much of one small size.
    const size_t favourite = seed % 2 == 0 ? 8 * random.below(8) + 8 : 0;
    for (int step = 0; step < 600; step++) {
      const size_t size = favourite != 0 && random.below(4) != 0
                              ? favourite
                              : random.below(size_t{2} << random.below(12));
      switch (random.below(16)) {
        case 0:
          model->allocate_zeroed(size);
          break;
        case 1:
          model->allocate(size, size_t{1} << random.below(9));
          break;
        case 2:
        case 3:
          model->reallocate(random.next(), size, (size_t{1} << random.below(9)) / 4);
          break;
        case 4:
          model->add_region(random.next());
          break;
        case 5:
          model->remove_region(random.next());
          break;
        case 6:
          model->misuse(random.next(), random.next());
          break;
        case 7:
          model->deallocate_sized(random.next());
          break;
        case 8:
          model->deallocate_nowait(random.next());
          break;
        case 9:
        case 10:
          model->deallocate(random.next());
          break;
        default:
          model->allocate(size, 0);
      }
      if (step % 16 == 0) model->check();
    }
    model->finish();
  }
}

TEST_CASE("a heap without memory has none to give") {
  SmallHeap<Checked> heap;
  CHECK(heap.allocate(1) == nullptr);
  CHECK(heap.allocate(0) == nullptr);
  CHECK(heap.allocate(8, 64) == nullptr);
  CHECK(stats_of(heap).region_bytes == 0);
  CHECK(broken_in(heap) == nullptr);
  heap.deallocate(nullptr);
  CHECK(support::fault_of([&] { heap.deallocate(pool); }) == of(Fault::foreign_pointer));
  CHECK_FALSE(support::WatchedLock::is_held());
}

TEST_CASE_TEMPLATE("of a pool filled with blocks of one size, 95 % is theirs", Config, Checked,
                   Unchecked) {
  for (size_t size = 2 * small_granule; size <= 128; size += small_granule) {
    CAPTURE(size);
    SmallHeap<Config> heap;
    REQUIRE(heap.add_region(pool, sizeof pool) != 0);
    CHECK(fill_with(heap, size) * size * 100 >= sizeof pool * 95);
    CHECK(broken_in(heap) == nullptr);
  }
}

TEST_CASE("what describes a pool is a bit for each granule, and a list's head for each size") {
  for (const size_t bytes : {2 * KiB, 4 * KiB, 16 * KiB, 64 * KiB}) {
    CAPTURE(bytes);
    SmallHeap<Checked> heap;
    REQUIRE(heap.add_region(pool, bytes) != 0);
    const size_t lists = (8 * floor_log2(bytes / small_granule) - 5) * sizeof(void*);
    CHECK(stats_of(heap).metadata_bytes <= bytes / small_granule / 8 + lists + 16 + small_granule);
    SmallHeap<Words> with_words;
    REQUIRE(with_words.add_region(pool, bytes) != 0);
    CHECK(stats_of(with_words).metadata_bytes <= lists + small_granule);
  }
}

TEST_CASE("the heap itself is small") {
  CHECK(sizeof(SmallHeap<Unchecked>) <= 40 * sizeof(void*));
}

TEST_CASE_TEMPLATE("a request of any size is met or answered with null", Config, Checked, Unchecked,
                   Words, WordsUnchecked, Deferring) {
  SmallHeap<Config> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  for (size_t below = 1; below <= 4096; below++) {
    CHECK(heap.allocate(support::opaque(size_t{0}) - below) == nullptr);
    CHECK(heap.allocate(support::opaque(SIZE_MAX / 2) + below) == nullptr);
  }
  for (size_t bit = 16; bit < sizeof(size_t) * 8; bit++) {
    for (size_t low = 0; low < 64; low++) {
      CHECK(heap.allocate((size_t{1} << bit) + low) == nullptr);
      CHECK(heap.allocate(8, (size_t{1} << bit)) == nullptr);
    }
  }
  CHECK(heap.allocate(8, 3) == nullptr);
  CHECK(stats_of(heap).live_blocks == 0);
}

TEST_CASE("the largest request is met, and no larger one") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  support::Random random(7);
  void* blocks[400];
  size_t count = 0;
  while (count < 400) {
    void* const p = heap.allocate(random.below(300));
    if (p == nullptr) break;
    blocks[count++] = p;
  }
  for (size_t i = 0; i < count; i += 2) heap.deallocate(blocks[i]);
  const size_t largest = stats_of(heap).largest_request;
  CHECK(heap.allocate(largest + 1) == nullptr);
  CHECK(heap.allocate(largest) != nullptr);
}

TEST_CASE("what is free in pieces is one piece again when all is free") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  const size_t whole = stats_of(heap).largest_request;
  static void* blocks[pool_bytes / 8];
  for (const size_t size : std::initializer_list<size_t>{8, 16, 40, 64, 100, 500}) {
    CAPTURE(size);
    size_t count = 0;
    while (void* const p = heap.allocate(size)) blocks[count++] = p;
    CHECK(stats_of(heap).largest_request < size);
    for (size_t i = 0; i < count; i += 2) heap.deallocate(blocks[i]);
    CHECK(heap.allocate(size * 2 + 64) == nullptr);
    CHECK(stats_of(heap).fragmentation_percent() > 50);
    for (size_t i = 1; i < count; i += 2) heap.deallocate(blocks[i]);
    CHECK(stats_of(heap).largest_request == whole);
    CHECK(stats_of(heap).fragmentation_percent() == 0);
  }
  CHECK(broken_in(heap) == nullptr);
}

TEST_CASE("lower addresses come first") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* const a = heap.allocate(200);
  support::drop(heap.allocate(200));
  void* const b = heap.allocate(200);
  support::drop(heap.allocate(200));
  SUBCASE("when the higher one is freed first") {
    heap.deallocate(b);
    heap.deallocate(a);
  }
  SUBCASE("when the lower one is freed first") {
    heap.deallocate(a);
    heap.deallocate(b);
  }
  CHECK(heap.allocate(200) == a);
  CHECK(heap.allocate(200) == b);
}

TEST_CASE("of blocks that fit about as well, the lowest is taken") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  // Multiples of the granule, each in the list after the one before.
  const auto of_granules = [](size_t n) { return n * small_granule; };
  void* blocks[4];
  for (size_t i = 0; i < 4; i++) {  // the larger, the lower
    blocks[i] = heap.allocate(of_granules(15 - i));
    support::drop(heap.allocate(1));
  }
  for (void* const p : blocks) heap.deallocate(p);
  const size_t size = of_granules(12);
  CHECK(heap.allocate(size) == blocks[1]);  // the fourth list is looked at no more
  CHECK(heap.allocate(size) == blocks[2]);
  CHECK(heap.allocate(size) == blocks[3]);
  CHECK(heap.allocate(size) == blocks[0]);
}

TEST_CASE("a block grows where it is into what is free behind it, and shrinks there") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* const a = heap.allocate(100);
  void* const b = heap.allocate(500);
  void* const c = heap.allocate(100);
  CHECK(heap.reallocate(c, 3'000) == c);  // from the top
  heap.deallocate(b);
  CHECK(heap.reallocate(a, 400) == a);  // from a free block, of which something is left
  CHECK(heap.reallocate(a, 600) == a);  // all of it
  CHECK(heap.reallocate(a, 700) != a);
  CHECK(heap.reallocate(c, 10) == c);
  CHECK(broken_in(heap) == nullptr);
}

TEST_CASE("a block is reallocated to where it is aligned as asked, and can be freed so") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* slots[40];
  for (void*& slot : slots) slot = heap.allocate(8);
  for (const size_t alignment : std::initializer_list<size_t>{16, 32, 64}) {
    for (void*& slot : slots) {
      support::fill_pattern(slot, 8, 1);
      void* const p = heap.reallocate(slot, 8, alignment);
      REQUIRE(p != nullptr);
      CHECK(is_aligned(support::opaque(p), alignment));
      CHECK(support::holds_pattern(p, 8, 1));
      heap.deallocate(p, 8, alignment);
      slot = heap.allocate(8);
    }
  }
  CHECK(heap.reallocate(slots[0], 8, 3) == nullptr);
  CHECK(stats_of(heap).live_blocks == 40);
}

TEST_CASE("a block that cannot grow stays as it was") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* const a = heap.allocate(1'000);
  support::fill_pattern(a, 1'000, 3);
  CHECK(heap.reallocate(a, pool_bytes) == nullptr);
  CHECK(heap.reallocate(a, SIZE_MAX) == nullptr);
  CHECK(support::holds_pattern(a, 1'000, 3));
  CHECK(heap.reallocate(nullptr, 5) != nullptr);
}

TEST_CASE("a block can become smaller even in a full heap, and give back what it had") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* last = nullptr;
  while (void* const p = heap.allocate(64)) last = p;
  while (heap.allocate(1) != nullptr) {
  }
  CHECK(heap.reallocate(last, 8) == last);
  CHECK(heap.allocate(64 - 2 * small_granule) != nullptr);
  heap.deallocate(last, 8);  // and is not taken for a mistake
}

TEST_CASE("regions are used, and can be taken out when they are empty") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, 4 * KiB) != 0);
  const size_t added = heap.add_region(more + 3, 3'000);
  CHECK(added > 2'800);
  CHECK(heap.remove_region(more, 3'000) == 0);  // not the same base
  CHECK(heap.remove_region(pool, 4 * KiB) == 0);
  void* const a = heap.allocate(2'800);
  CHECK(bytes_from(more, a) < 3'000);
  CHECK(heap.remove_region(more + 3, 3'000) == 0);
  CHECK(support::fault_of([&] { heap.deallocate(more); }) == of(Fault::foreign_pointer));
  heap.deallocate(a);
  CHECK(stats_of(heap).regions == 2);
  CHECK(heap.remove_region(more + 3, 3'000) == added);
  CHECK(stats_of(heap).regions == 1);
  CHECK(heap.allocate(2'800) != nullptr);
  CHECK(heap.allocate(2'800) == nullptr);
  CHECK(support::fault_of([&] { heap.deallocate(a); }) == of(Fault::foreign_pointer));
}

TEST_CASE("a later region larger than the first is used if the options say so") {
  SmallHeap<Large> heap;
  REQUIRE(heap.add_region(more, 2 * KiB) != 0);
  CHECK(heap.add_region(pool, sizeof pool) > sizeof pool * 98 / 100);
  CHECK(heap.allocate(60'000) != nullptr);
  SmallHeap<Unchecked> other;
  REQUIRE(other.add_region(more, 2 * KiB) != 0);
  CHECK(other.add_region(pool, sizeof pool) < 2 * KiB);
}

TEST_CASE("two heaps do not take each other's blocks") {
  SmallHeap<Checked> dma;
  SmallHeap<Checked> general;
  REQUIRE(dma.add_region(more, sizeof more) != 0);
  REQUIRE(general.add_region(pool, sizeof pool) != 0);
  void* const p = dma.allocate(100, 256);
  CHECK(is_aligned(p, 256));
  CHECK(support::fault_of([&] { general.deallocate(p); }) == of(Fault::foreign_pointer));
  dma.deallocate(p, 100, 256);
  CHECK(stats_of(dma).live_blocks == 0);
}

TEST_CASE("misuse is caught and named") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  char* const a = static_cast<char*>(heap.allocate(200));
  char* const b = static_cast<char*>(heap.allocate(200));
  char* const c = static_cast<char*>(heap.allocate(200));
  support::drop(heap.allocate(200));
  support::fill(a, 200, 0);
  const auto refused = [&](void* p) { return support::fault_of([&] { heap.deallocate(p); }); };
  SUBCASE("pointers into blocks") {
    CHECK(refused(a + 4) == of(Fault::misaligned_pointer));
    CHECK(refused(a + 64) == of(Fault::interior_pointer));
    CHECK(support::fault_address() == a + 64);
  }
  SUBCASE("double free, also after the block became part of a larger one") {
    heap.deallocate(b);
    CHECK(refused(b) == of(Fault::double_free));
    heap.deallocate(a);
    CHECK(refused(a) == of(Fault::double_free));
    CHECK(refused(b) == of(Fault::double_free));
    heap.deallocate(c);
    CHECK(refused(c) == of(Fault::double_free));
  }
  SUBCASE("wrong sizes") {
    const auto refused_with = [&](size_t size) {
      return support::fault_of([&] { heap.deallocate(a, size); });
    };
    CHECK(refused_with(100) == of(Fault::size_mismatch));
    CHECK(refused_with(300) == of(Fault::size_mismatch));
    CHECK(refused_with(SIZE_MAX) == of(Fault::size_mismatch));
    CHECK(refused_with(200) == support::no_fault);
  }
  SUBCASE("a write into a free block") {
    heap.deallocate(b);
    support::fill(b, 32, 0x11);
    CHECK(support::fault_of([&] {
            using Block = SmallMarks<Checked::options>::Block;
            Block* bogus[2] = {};  // what the overwritten link points at
            reinterpret_cast<Block*>(b)->back = bogus;
            support::drop(heap.allocate(200));
          }) == of(Fault::overwritten_link));
  }
  CHECK_FALSE(support::WatchedLock::is_held());
}

TEST_CASE("misuse of blocks with words is caught, nearly always") {
  SmallHeap<Words> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  char* const a = static_cast<char*>(heap.allocate(200));
  char* const b = static_cast<char*>(heap.allocate(200));
  support::drop(heap.allocate(200));
  const auto refused = [&](void* p) { return support::fault_of([&] { heap.deallocate(p); }); };
  SUBCASE("pointers into blocks") {
    CHECK(refused(a + 4) == of(Fault::misaligned_pointer));
    support::fill(a, 200, 0xff);
    CHECK(refused(a + 64) == of(Fault::interior_pointer));
  }
  SUBCASE("double free") {
    heap.deallocate(b);
    CHECK(refused(b) == of(Fault::double_free));
    heap.deallocate(a);
    CHECK(refused(a) == of(Fault::double_free));
    CHECK(refused(b) == of(Fault::double_free));
  }
  SUBCASE("a write behind the end of a block") {
    support::fill(a, 200 + 8, 0x77);
    CHECK(refused(b) != support::no_fault);
  }
}

// Every address in the region that is no live block's start, whatever the blocks hold.
TEST_CASE("whatever was not handed out is refused, for certain") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, 8 * KiB) != 0);
  REQUIRE(heap.add_region(more, 4 * KiB) != 0);
  support::Random random(3);
  static char* live[800];
  size_t count = 0;
  for (int round = 0; round < 40; round++) {
    while (count < 800) {
      const size_t size = random.below(8) == 0 ? random.below(1'500) : random.below(60);
      char* const p = static_cast<char*>(heap.allocate(size));
      if (p == nullptr) break;
      // As the last words of free blocks are, odd sizes; and as pointers to lists are.
      for (size_t i = 0; i + sizeof(size_t) <= heap.usable_size(p); i += sizeof(size_t)) {
        const size_t value = random.below(2) == 0 ? 2 * small_granule + 1 : address_of(p);
        __builtin_memcpy(p + i, &value, sizeof value);
      }
      live[count++] = p;
    }
    for (size_t i = count / 2; i != 0; i--) {
      const size_t which = random.below(count);
      heap.deallocate(live[which]);
      live[which] = live[--count];
    }
    for (char* const base : {pool, more}) {
      for (size_t at = 0; at < 8 * KiB && (base == pool || at < 4 * KiB); at += small_granule) {
        bool is_live = false;
        for (size_t i = 0; i < count; i++) is_live |= live[i] == base + at;
        if (is_live) continue;
        REQUIRE(support::fault_of([&] { heap.deallocate(base + at); }) != support::no_fault);
      }
    }
    REQUIRE(broken_in(heap) == nullptr);
  }
}

TEST_CASE("the walk ends when the visitor says so") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  for (int i = 0; i < 50; i++) support::drop(heap.allocate(i < 25 ? 16 : 160));
  SmallHeapInspector<Checked> inspector(heap);
  for (const int most : {1, 20, 30, 50}) {
    int seen = 0;
    CHECK(inspector.walk([&](void*, size_t) { return ++seen < most; }) == false);
    CHECK(seen == most);
  }
  CHECK(inspector.walk([](void*, size_t) { return true; }));
}

TEST_CASE("the check notices what is broken") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  char* const a = static_cast<char*>(heap.allocate(200));
  char* const b = static_cast<char*>(heap.allocate(200));
  char* const c = static_cast<char*>(heap.allocate(200));
  REQUIRE(broken_in(heap) == nullptr);
  SUBCASE("the end of a free block") {
    heap.deallocate(b);
    support::fill(c - sizeof(size_t), sizeof(size_t), 0);
    CHECK(broken_in(heap) != nullptr);
  }
  SUBCASE("a link") {
    heap.deallocate(b);
    using Block = SmallMarks<Checked::options>::Block;
    Block* elsewhere = nullptr;
    reinterpret_cast<Block*>(b)->back = &elsewhere;
    CHECK(broken_in(heap) != nullptr);
  }
  support::drop(a);
}

TEST_CASE("the check notices what is broken of words") {
  SmallHeap<Words> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  support::drop(heap.allocate(200));
  char* const b = static_cast<char*>(heap.allocate(200));
  support::drop(heap.allocate(200));
  REQUIRE(broken_in(heap) == nullptr);
  uint32_t word;
  __builtin_memcpy(&word, b - 4, sizeof word);
  SUBCASE("the tag") {
    word ^= 0x80000000u;
  }
  SUBCASE("the size") {
    word ^= 0x80u;
  }
  SUBCASE("a flag") {
    word ^= 2;
  }
  __builtin_memcpy(b - 4, &word, sizeof word);
  CHECK(broken_in(heap) != nullptr);
}

namespace {

// What a handler does that interrupted the holder of the lock.
template <class F>
void while_locked(F&& f) {
  support::WatchedLock lock;
  lock.lock();
  f();
  lock.unlock();
}

}  // namespace

TEST_CASE("blocks are freed while the lock is held, and taken over a batch at a time") {
  SmallHeap<Deferring> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  const size_t free_bytes = stats_of(heap).free_bytes;
  void* blocks[50];
  for (size_t i = 0; i < 50; i++) blocks[i] = heap.allocate(i < 40 ? 16 : 200);
  while_locked([&] {
    for (void* const p : blocks) heap.deallocate_nowait(p);
    CHECK(heap.allocate_nowait(1) == nullptr);
    heap.deallocate_nowait(nullptr);
  });
  CHECK(stats_of(heap).deferred_blocks == 50);
  CHECK(stats_of(heap).live_blocks == 50);
  CHECK(broken_in(heap) == nullptr);
  size_t calls = 0;
  while (stats_of(heap).deferred_blocks != 0) {
    const size_t before = stats_of(heap).deferred_blocks;
    heap.deallocate(heap.allocate(8));
    CHECK(before - stats_of(heap).deferred_blocks <= 4);  // two calls
    REQUIRE(++calls < 60);
  }
  CHECK(stats_of(heap).live_blocks == 0);
  CHECK(stats_of(heap).free_bytes == free_bytes);
  CHECK(broken_in(heap) == nullptr);
}

TEST_CASE("an allocation takes over all before it fails, a batch at a time") {
  SmallHeap<Deferring> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  static void* blocks[pool_bytes / 100];
  for (const size_t alignment : std::initializer_list<size_t>{8, 64}) {
    size_t count = 0;
    while (void* const p = heap.allocate(100)) blocks[count++] = p;
    for (size_t i = 0; i < count; i++) heap.deallocate_nowait(blocks[i]);
    const unsigned before = support::WatchedLock::times_taken();
    void* const p = heap.allocate(pool_bytes / 2, alignment);
    CHECK(p != nullptr);
    CHECK(support::WatchedLock::times_taken() - before > count / 2 - 3);
    heap.deallocate(p);
    CHECK(stats_of(heap).live_blocks == 0);
  }
}

TEST_CASE("allocating without waiting takes over one batch and no more") {
  SmallHeap<Deferring> heap;
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* last[3] = {};
  while (void* const p = heap.allocate(1000)) {
    last[0] = last[1];
    last[1] = last[2];
    last[2] = p;
  }
  for (void* const p : last) heap.deallocate_nowait(p);
  CHECK(heap.allocate_nowait(3000) == nullptr);  // two blocks only
  CHECK(stats_of(heap).deferred_blocks == 1);
  CHECK(heap.allocate_nowait(3000) != nullptr);
  void* const p = heap.allocate_nowait(16);
  heap.deallocate_nowait(p);
  void* const aligned = heap.allocate_nowait(16, 64);
  CHECK((aligned == nullptr || is_aligned(aligned, 64)));
  CHECK(heap.allocate_nowait(8, 3) == nullptr);
  CHECK(heap.allocate_nowait(SIZE_MAX) == nullptr);
  CHECK(heap.allocate_nowait(SIZE_MAX, 64) == nullptr);
  CHECK(broken_in(heap) == nullptr);
}

TEST_CASE_TEMPLATE("what waits for being taken over is within a sixteenth of what was live", Config,
                   Deferring, Words, DeferringUnchecked) {
  // How often of sixteen times a block comes from the program, and not a handler; and how often it
  // is one of the large ones.
  struct Mix {
    size_t by_program;
    size_t large;
  };
  for (const Mix mix : {Mix{0, 0}, Mix{0, 8}, Mix{1, 1}, Mix{8, 8}, Mix{16, 2}, Mix{16, 16}}) {
    CAPTURE(mix.by_program);
    CAPTURE(mix.large);
    SmallHeap<Config> heap;
    support::fill(pool, sizeof pool, 0);  // a heap before this one had blocks that waited
    REQUIRE(heap.add_region(pool, sizeof pool) != 0);
    support::Random random(5);
    void* live[400] = {};
    size_t live_bytes = 0;
    // Many small blocks that wait, to begin with.
    for (void*& p : live) {
      p = heap.allocate(16);
      live_bytes += heap.usable_size(p);
    }
    size_t most = live_bytes;
    for (void*& p : live) {
      heap.deallocate_nowait(p);
      p = nullptr;
    }
    live_bytes = 0;
    size_t taken = 0;
    for (int i = 0; i < 3'000; i++) {
      void*& p = live[random.below(8)];
      if (p != nullptr) {
        live_bytes -= heap.usable_size(p);
        heap.deallocate_nowait(p);
        p = nullptr;
      } else {
        const size_t size = random.below(16) < mix.large ? 500 + random.below(2'000) : 16;
        if (random.below(16) >= mix.by_program) {
          p = heap.allocate_nowait(size);
        } else if (random.below(2) == 0) {
          p = heap.allocate(size);
        } else if (void* const block = heap.allocate(16)) {
          p = heap.reallocate(block, size);
        }
        if (p == nullptr) continue;
        taken++;
        live_bytes += heap.usable_size(p);
        most = larger(most, live_bytes);
      }
      REQUIRE(stats_of(heap).live_bytes <= most + pool_bytes / 16);
    }
    CHECK(taken > 500);
    CHECK(broken_in(heap) == nullptr);
  }
}

TEST_CASE("a region whose blocks wait to be free can be taken out") {
  SmallHeap<Deferring> heap;
  REQUIRE(heap.add_region(pool, 2 * KiB) != 0);
  const size_t added = heap.add_region(more, sizeof more);
  REQUIRE(added != 0);
  void* blocks[4];
  for (void*& p : blocks) p = heap.allocate(480);
  for (void* const p : blocks) heap.deallocate_nowait(p);
  CHECK(heap.remove_region(more, sizeof more) == added);
  support::fill(more, sizeof more, 0xa5);
  CHECK(stats_of(heap).deferred_blocks == 0);
  CHECK(heap.allocate(480) != nullptr);
  CHECK(broken_in(heap) == nullptr);
}

TEST_CASE("so it is when the first region has become smaller") {
  SmallHeap<Deferring> heap;
  support::fill(pool, sizeof pool, 0);  // a heap before this one had blocks that waited
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  void* blocks[300];
  for (void*& p : blocks) p = heap.allocate(16);
  for (int i = 0; i < 100; i++) heap.deallocate_nowait(blocks[i]);
  for (int i = 0; i < 40; i++) support::drop(heap.allocate(40));
  REQUIRE(stats_of(heap).deferred_blocks > 10);
  REQUIRE(heap.shrink_region(pool, 16 * KiB) > 20 * KiB);
  for (int i = 100; i < 300; i++) heap.deallocate_nowait(blocks[i]);
  const size_t sixteenth = stats_of(heap).region_bytes / 16;
  REQUIRE(heap.allocate(sixteenth / 2) != nullptr);
  REQUIRE(heap.allocate(sixteenth * 3 / 4) != nullptr);
  CHECK(stats_of(heap).deferred_blocks == 0);
}

TEST_CASE("of a block that is freed without waiting, what is before it does not count") {
  SmallHeap<Deferring> heap;
  support::fill(pool, sizeof pool, 0);  // a heap before this one had blocks that waited
  REQUIRE(heap.add_region(pool, sizeof pool) != 0);
  char* const before = static_cast<char*>(heap.allocate(80));
  char* const p = static_cast<char*>(heap.allocate(80));
  REQUIRE(heap.allocate(80) != nullptr);
  heap.deallocate(before);
  // As it is for a handler that came while the block was released, or on another core, to which it
  // was handed out meanwhile.
  size_t* const mark = reinterpret_cast<size_t*>(p) - 1;
  const size_t as_it_was = *mark;
  for (const size_t value : {size_t{0}, size_t{80}, SIZE_MAX - 1, as_it_was - 1}) {
    CHECK(support::fault_of([&] { heap.deallocate_nowait(before + small_granule); }) !=
          support::no_fault);
    *mark = value;
    CHECK(support::fault_of([&] { heap.deallocate_nowait(p); }) == support::no_fault);
    *mark = as_it_was;
    heap.trim();
    REQUIRE(heap.allocate(80) == before);
    REQUIRE(heap.allocate(80) == p);
    heap.deallocate(before);
  }
}

TEST_CASE("a block can be as large as it is, also if it is larger than any request") {
  SmallHeap<Checked> heap;
  REQUIRE(heap.add_region(pool, 2 * KiB) != 0);
  REQUIRE(heap.add_region(more, sizeof more) != 0);
  void* const p = heap.allocate(heap.largest_request());
  REQUIRE(p != nullptr);
  CHECK(heap.reallocate(p, heap.usable_size(p)) == p);
  CHECK(heap.reallocate(p, heap.usable_size(p) + 1) == nullptr);
}

TEST_CASE("misuse of what is freed without waiting is caught") {
  for (const size_t size :
       std::initializer_list<size_t>{40, 1'000}) {  // a few bits apart, and words
    for (int kind = 0; kind < 3; kind++) {
      CAPTURE(size);
      CAPTURE(kind);
      SmallHeap<Deferring> heap;
      const auto refused = [&](void* p) {
        return support::fault_of([&] { heap.deallocate_nowait(p); });
      };
      CHECK(refused(pool) == of(Fault::foreign_pointer));
      REQUIRE(heap.add_region(pool, sizeof pool) != 0);
      char* p = nullptr;
      for (int i = 0; i < 60; i++) p = static_cast<char*>(heap.allocate(size));
      support::fill(p, size, 0xff);
      CHECK(refused(more) == of(Fault::foreign_pointer));
      CHECK(refused(p + 4) == of(Fault::misaligned_pointer));
      CHECK(refused(p + small_granule) == of(Fault::interior_pointer));
      heap.deallocate_nowait(p);
      CHECK(refused(p) == of(Fault::double_free));
      if (kind == 0) {
        CHECK(support::fault_of([&] { heap.deallocate(p); }) == of(Fault::double_free));
      } else if (kind == 1) {
        heap.deallocate(heap.allocate(300));
        CHECK(refused(p) != support::no_fault);
      } else {
        p[0] ^= 1;
        CHECK(support::fault_of([&] { support::drop(heap.allocate(8)); }) ==
              of(Fault::overwritten_link));
      }
    }
  }
}
