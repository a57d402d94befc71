// SPDX-License-Identifier: MIT OR Apache-2.0
// What heaps tell tools that look on (rsb/annotations.hpp), kept here as such a tool keeps it: of
// each byte of the arena whether it may be touched.
#include "rsb/annotations.hpp"
#include "support/full_worlds.hpp"
#include "support/test.hpp"
#include "support/worlds.hpp"

#ifndef RSB_TEST_CACHES
#include "rsb/small_inspector.hpp"
#endif

using namespace rsb;

namespace {

class Shadow {
 public:
  static void clear() { __builtin_memset(closed_, 0, sizeof closed_); }
  static void close(const char* base, size_t bytes) { set(base, bytes, true); }
  static void open(const char* base, size_t bytes) { set(base, bytes, false); }

  static bool is_open(const char* p) { return (closed_[offset(p) / 8] >> offset(p) % 8 & 1) == 0; }
  static bool is_all_open(const char* base, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
      if (!is_open(base + i)) return false;
    }
    return true;
  }
  static bool is_all_closed(const char* base, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
      if (is_open(base + i)) return false;
    }
    return true;
  }

 private:
  static size_t offset(const char* p) {
    return bytes_from(support::arena, p) % support::arena_bytes;
  }
  static void set(const char* base, size_t bytes, bool is_closed) {
    for (size_t i = offset(base); bytes != 0; i++, bytes--) {
      const auto bit = static_cast<unsigned char>(1u << i % 8);
      unsigned char& eight = closed_[i / 8];
      eight = static_cast<unsigned char>(is_closed ? eight | bit : eight & ~bit);
    }
  }
  static inline unsigned char closed_[support::arena_bytes / 8] = {};
};

// Notes what is wrong; how it is compared is the tests' matter.
struct Noting {
  static inline unsigned depth = 0;
  static inline unsigned live = 0;
  static inline Contents contents = Contents::undefined;
  static inline size_t old_size = 0;
  static inline bool is_well = true;

  static void reset() {
    Shadow::clear();
    depth = live = 0;
    is_well = true;
  }
  static void expect(bool holds) { is_well = is_well && holds; }
  static void expect_order(const AnnotatedBlock& b) {
    expect(depth != 0 && !support::WatchedLock::is_held());
    expect(b.begin < b.block && bytes_from(b.begin, b.block) < b.bytes());
    expect(bytes_from(b.begin, b.block_end()) <= b.bytes());
  }

  static void allocated(const AnnotatedBlock& b, Contents with) noexcept {
    expect_order(b);
    expect(Shadow::is_all_open(b.begin, b.bytes()));
    Shadow::close(b.begin, b.bytes());
    Shadow::open(b.block, b.size);
    contents = with;
    live++;
  }
  static void resized(const AnnotatedBlock& b, size_t before) noexcept {
    expect_order(b);
    Shadow::open(b.block, b.size);
    Shadow::close(b.block_end(), bytes_from(b.block_end(), b.end));
    old_size = before;
  }
  static void released(const AnnotatedBlock& b) noexcept {
    expect_order(b);
    Shadow::close(b.begin, b.bytes());
    live--;
  }
  static void opened(void* base, size_t bytes) noexcept {
    expect(depth != 0 && !support::WatchedLock::is_held());
    Shadow::open(static_cast<char*>(base), bytes);
  }
  static void enter() noexcept { depth++; }
  static void leave() noexcept { depth--; }
};

template <class Config>
struct Noted : Config {
  using Annotations = Noting;
};

class FencedPages : public support::ZeroedPages {
 public:
  bool protect(void*, size_t) noexcept { return true; }
  bool unprotect(void*, size_t) noexcept { return true; }
};
struct FullFenced : support::Configuration<support::with_checks(support::small_radix, Checks::full),
                                           FencedPages> {
  static constexpr FullOptions full = support::queue;
};

// Nothing waits.
struct FullBriefly
    : support::Configuration<support::with_checks(support::three_levels, Checks::full)> {
  static constexpr FullOptions full{.queue_blocks = 0};
};

template <class Config>
struct Fixture {
  static constexpr bool waits = Config::full.queue_blocks > 1;
  Fixture() { Noting::reset(); }
  const char* problem() { return world.problem(); }
  support::World<Noted<Config>> world;
  decltype(world.heap)& heap = world.heap;
};

#define WORLDS support::FullRadix, support::FullPool, support::FullSpans, FullFenced, FullBriefly

#ifndef RSB_TEST_CACHES
template <bool has_words>
struct Small {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{
      .checks = Checks::full, .words = has_words, .deferred_batch = 2};
  static constexpr FullOptions full = support::queue;
};
using FullTable = Small<false>;
using FullWords = Small<true>;

template <bool has_words>
struct Fixture<Small<has_words>> {
  static constexpr bool waits = true;
  Fixture() {
    Noting::reset();
    heap.add_region(support::arena, 64 * KiB);
  }
  const char* problem() { return inspect(heap).check(); }
  SmallHeap<Noted<Small<has_words>>> heap;
};
#define ALL_WORLDS WORLDS, FullTable, FullWords
#else
#define ALL_WORLDS WORLDS
#endif

bool is_all_open() {
  return Shadow::is_all_open(support::arena, support::arena_bytes);
}

// Of a live block.
bool is_enclosed(const char* block, size_t size) {
  return Shadow::is_all_open(block, size) && Shadow::is_all_closed(block - 8, 8) &&
         Shadow::is_all_closed(block + size, 8);
}

constexpr size_t sizes[] = {0, 1, 13, 100, 500, 5000, 20000};

#define CHECK_WELL(f)                \
  do {                               \
    CHECK(Noting::is_well);          \
    CHECK(Noting::depth == 0);       \
    CHECK((f).problem() == nullptr); \
    CHECK(Noting::depth == 0);       \
  } while (false)

}  // namespace

TEST_CASE_TEMPLATE("just what was asked for may be touched", C, ALL_WORLDS) {
  for (const size_t size : sizes) {
    for (const size_t alignment : {size_t{0}, size_t{1}, size_t{64}, size_t{512}}) {
      Fixture<C> f;
      char* const block = static_cast<char*>(alignment == 0 ? f.heap.allocate(size)
                                                            : f.heap.allocate(size, alignment));
      REQUIRE(block != nullptr);
      CHECK(Noting::live == 1);
      CHECK(Noting::contents == Contents::undefined);
      CHECK(is_enclosed(block, size));
      CHECK(f.heap.usable_size(block) == size);
      CHECK_WELL(f);
      f.heap.deallocate(block);
      CHECK(Noting::live == 0);
      f.heap.trim();
      CHECK(is_all_open());
      CHECK_WELL(f);
    }
  }
}

TEST_CASE_TEMPLATE("zeroes are told", C, ALL_WORLDS) {
  for (const size_t size : sizes) {
    Fixture<C> f;
    char* const block = static_cast<char*>(f.heap.allocate_zeroed(size));
    REQUIRE(block != nullptr);
    CHECK(Noting::contents == Contents::zeroes);
    CHECK(is_enclosed(block, size));
    f.heap.deallocate(block);
    CHECK_WELL(f);
  }
}

TEST_CASE_TEMPLATE("what waits is nobody's, and what the heap has back is anybody's", C,
                   ALL_WORLDS) {
  for (const size_t size : {size_t{13}, size_t{500}}) {
    Fixture<C> f;
    char* const block = static_cast<char*>(f.heap.allocate(size));
    REQUIRE(block != nullptr);
    f.heap.deallocate(block);
    if (f.waits) CHECK(Shadow::is_all_closed(block - 8, size + 16));
    if (!f.waits) CHECK(is_all_open());
    CHECK_WELL(f);
    for (int i = 0; i < 40; i++) f.heap.deallocate(f.heap.allocate(size));
    CHECK_WELL(f);
    f.heap.trim();
    CHECK(is_all_open());
    CHECK_WELL(f);
  }
}

TEST_CASE_TEMPLATE("a block that stays where it is changes its end", C, ALL_WORLDS) {
  Fixture<C> f;
  char* const block = static_cast<char*>(f.heap.allocate(100));
  REQUIRE(block != nullptr);
  size_t before = 100;
  for (const size_t size : {90u, 99u, 81u, 100u}) {
    REQUIRE(f.heap.reallocate(block, size) == block);
    CHECK(Noting::old_size == before);
    CHECK(is_enclosed(block, size));
    before = size;
    CHECK_WELL(f);
  }
  char* const moved = static_cast<char*>(f.heap.reallocate(block, 3000));
  REQUIRE(moved != nullptr);
  CHECK(is_enclosed(moved, 3000));
  if (f.waits) CHECK(Shadow::is_all_closed(block - 8, 116));
  CHECK(Noting::live == 1);
  f.heap.deallocate(moved);
  f.heap.trim();
  CHECK(is_all_open());
  CHECK_WELL(f);
}

TEST_CASE_TEMPLATE("a block that cannot move may have less", C, ALL_WORLDS) {
  Fixture<C> f;
  char* const block = static_cast<char*>(f.heap.allocate(15000));
  REQUIRE(block != nullptr);
  void* taken[512];
  size_t count = 0;
  while (count < 512 && (taken[count] = f.heap.allocate(count < 100 ? 2000 : 20)) != nullptr)
    count++;
  void* const less = f.heap.reallocate(block, 6000);
  REQUIRE(less != nullptr);
  CHECK(is_enclosed(static_cast<char*>(less), 6000));
  CHECK_WELL(f);
  f.heap.deallocate(less);
  while (count != 0) f.heap.deallocate(taken[--count]);
  f.heap.trim();
  CHECK(is_all_open());
  CHECK_WELL(f);
}

TEST_CASE_TEMPLATE("what is released without waiting is the heap's at once", C, ALL_WORLDS) {
  Fixture<C> f;
  for (const size_t size : {size_t{13}, size_t{1000}, size_t{20000}}) {
    char* const block = static_cast<char*>(f.heap.allocate(size));
    REQUIRE(block != nullptr);
    f.heap.deallocate_nowait(block);
    CHECK(Noting::live == 0);
    CHECK(is_all_open());
    CHECK_WELL(f);
  }
  char* const block = static_cast<char*>(f.heap.allocate_nowait(13));
  if (block != nullptr) {
    CHECK(is_enclosed(block, 13));
    f.heap.deallocate(block);
  }
  CHECK_WELL(f);
}

TEST_CASE_TEMPLATE("who looks on is inside, and all leave again", C, ALL_WORLDS) {
  Fixture<C> f;
  char* const block = static_cast<char*>(f.heap.allocate(13));
  char* const freed = static_cast<char*>(f.heap.allocate(13));
  f.heap.deallocate(freed);
  REQUIRE(block != nullptr);
  unsigned seen = 0;
  inspect(f.heap).walk([&](void*, size_t) {
    seen++;
    Noting::expect(Noting::depth != 0);
    return true;
  });
  CHECK(seen == 1);
  CHECK(inspect(f.heap).describe(block + 3).block == block);
  CHECK(inspect(f.heap).describe(freed).state != RSB_BLOCK_LIVE);
  CHECK(f.heap.block_with(block + 3) == block);
  CHECK(f.heap.making_of(block).size == 13);
  f.heap.note_making(block, Made::by_new, nullptr);
  f.heap.note_making(block, Made::by_allocate, nullptr);
  f.heap.expect_size(block, 13);
  CHECK(f.heap.allocate(SIZE_MAX) == nullptr);
  CHECK(f.heap.allocate(10, 3) == nullptr);
  CHECK(f.heap.reallocate(block, SIZE_MAX) == nullptr);
  CHECK(is_enclosed(block, 13));
  f.heap.deallocate(nullptr);
  f.heap.deallocate(block, 13);
  CHECK_WELL(f);
}

#ifndef RSB_TEST_CACHES
TEST_CASE_TEMPLATE("a small heap that begins anew has nothing that may not be touched", C,
                   FullTable, FullWords) {
  Fixture<C> f;
  for (int i = 0; i < 3; i++) {
    for (const size_t size : sizes) REQUIRE(f.heap.allocate(size) != nullptr);
    void* const block = f.heap.allocate(100);
    f.heap.deallocate(f.heap.allocate(100));
    f.heap.deallocate_nowait(block);
    f.heap.clear();
    CHECK(Noting::live == 0);
    CHECK(is_all_open());
    CHECK_WELL(f);
  }
}

TEST_CASE("a region that is taken out is the program's, whatever was in it") {
  Fixture<FullTable> f;
  char* const region = support::arena + 128 * KiB;
  REQUIRE(f.heap.add_region(region, 32 * KiB) != 0);
  void* blocks[8];
  for (void*& block : blocks) block = f.heap.allocate(9000);
  for (void* const block : blocks) f.heap.deallocate(block);
  CHECK(f.heap.remove_region(region, 32 * KiB) != 0);
  CHECK(Shadow::is_all_open(region, 32 * KiB));
  CHECK_WELL(f);
}
#endif
