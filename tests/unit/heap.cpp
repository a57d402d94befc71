// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/heap.hpp: allocating and releasing. Resizing, exhaustion and misuse have files of their own.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

namespace {

// Fills a heap with blocks until there is no memory; remembers them.
template <class W>
struct Full {
  Full(W& w, size_t size) : world(w), bytes(size) {
    while (count < most) {
      void* const block = world.heap.allocate(bytes);
      if (block == nullptr) return;
      blocks[count++] = block;
    }
  }
  void release() {
    while (count != 0) world.heap.deallocate(blocks[--count]);
  }

  static constexpr size_t most = support::arena_bytes / 8;
  W& world;
  const size_t bytes;
  size_t count = 0;
  static inline void* blocks[most];
};

template <class C>
constexpr size_t span_of = C::options.span_size;

constexpr Options with_largest_bin(Options o, size_t bytes) {
  o.largest_bin = bytes;
  return o;
}
struct SmallBins : support::Configuration<with_largest_bin(support::multi_page_spans, 16),
                                          support::ZeroedPages> {};

// malloc's promise.
size_t malloc_alignment(size_t size) {
  return larger(size >= 16 ? 16 : sizeof(void*), assumed_malloc_alignment);
}

}  // namespace

struct AlignedTo32 : support::Configuration<[] {
  Options o = support::three_levels;
  o.least_alignment = 32;
  return o;
}()> {};

TEST_CASE_TEMPLATE("trim says how much went back to the source, by whichever way it went", C,
                   SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  // A span of each class, all empty in the end, and more free pages than are kept.
  for (size_t size = 4; size <= C::options.span_size; size *= 2) {
    w.heap.deallocate(w.heap.allocate(size));
  }
  static void* blocks[support::arena_bytes / 1024];
  size_t count = 0;
  while (count < 96 && (blocks[count] = w.heap.allocate(1000)) != nullptr) count++;
  while (count != 0) w.heap.deallocate(blocks[--count]);
  const Stats before = w.stats();
  const size_t trimmed = w.heap.trim();
  const Stats after = w.stats();
  CHECK(after.acquired_bytes < before.acquired_bytes);
  if constexpr (!DiscardingSource<typename C::Pages>) {
    CHECK(trimmed == before.acquired_bytes - after.acquired_bytes);
  } else {
    CHECK(trimmed >= before.acquired_bytes - after.acquired_bytes);
  }
  CHECK(w.heap.trim() == 0);
  CHECK_SOUND(w);
}

TEST_CASE("blocks of which nobody states an alignment have the least, wherever they come from") {
  World<AlignedTo32> w;
  for (const size_t size : {0u, 1u, 8u, 16u, 24u, 40u, 100u, 600u, 1000u, 3000u}) {
    CAPTURE(size);
    void* const blocks[] = {w.heap.allocate(size), w.heap.allocate_zeroed(size),
                            w.heap.allocate_nowait(size),
                            w.heap.reallocate(w.heap.allocate(4, 4), size),
                            w.heap.reallocate(w.heap.allocate(2000), size)};
    for (void* const block : blocks) {
      REQUIRE(block != nullptr);
      CHECK(is_aligned(block, 32));
    }
    w.heap.deallocate(blocks[0], size);
    for (void* const block : blocks) {
      if (block != blocks[0]) w.heap.deallocate(block);
    }
  }
  void* const small = w.heap.allocate(4, 4);
  CHECK(w.heap.usable_size(small) == 4);
  w.heap.deallocate(small, 4, 4);
  CHECK_SOUND(w);
}

TEST_CASE("above the largest bin a block takes whole pages, not a span") {
  World<support::MultiPageSpans> w;
  void* const block = w.heap.allocate(10 * KiB);
  CHECK(w.heap.usable_size(block) == 12 * KiB);
  CHECK(is_aligned(block, 4 * KiB));
  CHECK(w.stats().large_blocks == 1);
  CHECK(w.heap.usable_size(w.heap.reallocate(block, 8 * KiB)) == 8 * KiB);
  CHECK(w.stats().large_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE("the largest bin may be a small one") {
  World<SmallBins> w;
  for (const size_t bytes : {1u, 16u, 17u, 1000u, 5000u, 20000u}) {
    CAPTURE(bytes);
    void* const block = w.heap.allocate(bytes);
    REQUIRE(block != nullptr);
    CHECK(w.stats().large_blocks == (bytes > 16));
    w.heap.deallocate(block, bytes);
  }
  CHECK_SOUND(w);
}

TEST_CASE("a heap needs no initialisation") {
  static constinit Heap<support::SmallRadix> heap;
  CHECK(heap.allocate(1) == nullptr);  // and no memory: its source has none yet
  heap.pages().source().serve_from(support::arena, support::arena_bytes);
  void* const block = heap.allocate(1);
  CHECK(block != nullptr);
  heap.deallocate(block);
}

TEST_CASE_TEMPLATE("blocks of every size are aligned as malloc's, writable and apart", C,
                   SUPPORT_WORLDS) {
  const size_t limit = smaller(span_of<C> + 2 * C::options.page_size, 20'000);
  for (size_t size = 0; size <= limit; size += size < 300 ? 1 : 97) {
    World<C> w;
    char* const a = static_cast<char*>(w.heap.allocate(size));
    char* const b = static_cast<char*>(w.heap.allocate(size));
    CAPTURE(size);
    REQUIRE(a != nullptr);
    CHECK(is_aligned(support::opaque(a), malloc_alignment(size)));
    CHECK(w.heap.usable_size(a) >= size);
    support::fill(a, size, 1);
    if (b != nullptr) {
      CHECK(a != b);
      CHECK(is_aligned(support::opaque(b), malloc_alignment(size)));
      support::fill(b, size, 2);
      CHECK(support::holds_only(a, size, 1));
    }
    CHECK_SOUND(w);
    w.heap.deallocate(a);
    w.heap.deallocate(b);
    CHECK_SOUND(w);
    CHECK(w.stats().live_blocks == 0);
  }
}

TEST_CASE_TEMPLATE("blocks of every size and alignment are aligned, and their slot is the smallest",
                   C, SUPPORT_WORLDS) {
  World<C> w;
  using Classes = typename Heap<C>::Classes;
  for (size_t alignment = 1; alignment <= 16 * KiB; alignment *= 2) {
    for (size_t size = 0; size <= 5'000; size = size * 5 / 4 + 1) {
      void* const block = w.heap.allocate(size, alignment);
      CAPTURE(alignment);
      CAPTURE(size);
      REQUIRE(block != nullptr);
      CHECK(is_aligned(support::opaque(block), alignment));
      const SizeClass c = Classes::of(size, alignment);
      const size_t expected =
          c != Classes::none ? Classes::layout(c).size
                             : align_up(larger(size, 1), static_cast<size_t>(C::options.page_size));
      CHECK(w.heap.usable_size(block) == expected);
      support::fill(block, size, 7);
      w.heap.deallocate(block, size, alignment);
    }
  }
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("whole pages are aligned to any power of two", C, SUPPORT_WORLDS) {
  for (size_t alignment = 1; alignment <= 64 * KiB; alignment *= 2) {
    World<C> w;
    const size_t size = span_of<C> + 1;
    if (C::options.span_size > 16 * KiB) continue;  // the arena is too small
    void* const block = w.heap.allocate(size, alignment);
    CAPTURE(alignment);
    REQUIRE(block != nullptr);
    CHECK(is_aligned(support::opaque(block), alignment));
    support::fill(block, size, 7);
    CHECK_SOUND(w);
    w.heap.deallocate(block, size, alignment);
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("an alignment that is no power of two gives null", C, SUPPORT_WORLDS) {
  World<C> w;
  CHECK(w.heap.allocate(8, 3) == nullptr);
  CHECK(w.heap.allocate(8, 24) == nullptr);
  CHECK(w.heap.allocate(100'000, SIZE_MAX) == nullptr);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a size of 0 gives a unique block", C, SUPPORT_WORLDS) {
  World<C> w;
  void* const a = w.heap.allocate(0);
  void* const b = w.heap.allocate(0);
  void* const c = w.heap.allocate(0, 1);
  void* const d = w.heap.allocate(0, 1);
  REQUIRE((a != nullptr && b != nullptr && c != nullptr && d != nullptr));
  CHECK((a != b && a != c && a != d && b != c && b != d && c != d));
  CHECK(w.stats().live_blocks == 4);
  w.heap.deallocate(a);
  w.heap.deallocate(b);
  w.heap.deallocate(c);
  w.heap.deallocate(d);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("objects of 4 bytes cost 4 bytes", C, SUPPORT_WORLDS) {
  World<C> w;
  char* const a = static_cast<char*>(w.heap.allocate(4, 4));
  char* const b = static_cast<char*>(w.heap.allocate(4, 4));
  CHECK(b == a + 4);
  CHECK(w.heap.usable_size(a) == 4);
  w.heap.deallocate(a, 4, 4);
  w.heap.deallocate(b, 4, 4);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a freed slot is the next one handed out", C, SUPPORT_WORLDS) {
  World<C> w;
  for (size_t size = 8; size <= span_of<C> / 4; size *= 2) {
    void* const keep = w.heap.allocate(size);
    void* const a = w.heap.allocate(size);
    void* const b = w.heap.allocate(size);
    w.heap.deallocate(a);
    w.heap.deallocate(b);
    CHECK(w.heap.allocate(size) == b);
    CHECK(w.heap.allocate(size) == a);
    w.heap.deallocate(a);
    w.heap.deallocate(b);
    w.heap.deallocate(keep);
  }
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a slot that is handed out anew leaves its neighbours alone", C,
                   SUPPORT_WORLDS) {
  constexpr unsigned blocks = 16;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4}, size_t{5}, size_t{8}, size_t{16}}) {
    for (const size_t alignment : {size_t{0}, size_t{4}}) {
      World<C> w;
      const auto allocate = [&] {
        return alignment == 0 ? w.heap.allocate(size) : w.heap.allocate(size, alignment);
      };
      void* block[blocks];
      for (unsigned i = 0; i < blocks; i++) {
        block[i] = allocate();
        REQUIRE(block[i] != nullptr);
        support::fill(block[i], w.heap.usable_size(block[i]), static_cast<unsigned char>(i + 1));
      }
      for (unsigned i = 0; i < blocks; i += 2) w.heap.deallocate(block[i]);
      for (unsigned i = 0; i < blocks; i += 2) block[i] = allocate();
      CAPTURE(size);
      CAPTURE(alignment);
      for (unsigned i = 1; i < blocks; i += 2) {
        CHECK(support::holds_only(block[i], w.heap.usable_size(block[i]),
                                  static_cast<unsigned char>(i + 1)));
      }
      CHECK_SOUND(w);
      for (void* b : block) w.heap.deallocate(b);
    }
  }
}

TEST_CASE_TEMPLATE("a slot never handed out is never touched", C, SUPPORT_SOURCE_WORLDS) {
  if (support::has_caches) return;  // they take more than is asked for
  World<C> w;
  const char untouched =
      ZeroingSource<typename C::Pages> ? char{0} : static_cast<char>(support::dirt);
  char* const a = static_cast<char*>(w.heap.allocate(32));
  char* const b = static_cast<char*>(w.heap.allocate(32));
  CHECK(b == a + 32);
  w.heap.deallocate(a);
  w.heap.deallocate(b);
  bool is_untouched = true;
  for (size_t i = 64; i < span_of<C>; i++) is_untouched = is_untouched && a[i] == untouched;
  CHECK(is_untouched);
}

TEST_CASE_TEMPLATE("zeroed blocks are zero to their last usable byte, also where memory was used",
                   C, SUPPORT_WORLDS) {
  World<C> w;
  constexpr size_t span = span_of<C>;
  const size_t sizes[] = {0, 1, 4, 8, 24, 100, span / 4, span / 2, span, span + 1, 2 * span};
  for (const size_t size : sizes) {
    CAPTURE(size);
    for (int i = 0; i < 4; i++) {
      void* const block = w.heap.allocate_zeroed(size);
      if (block == nullptr && size > 100'000) continue;  // more than the arena has
      REQUIRE(block != nullptr);
      CHECK(is_aligned(support::opaque(block), malloc_alignment(size)));
      CHECK(support::holds_only(block, w.heap.usable_size(block), 0));
      support::fill(block, w.heap.usable_size(block), 0xff);
      w.heap.deallocate(block);
      void* const aligned = w.heap.allocate(size, 64, Fill::zero);
      REQUIRE(aligned != nullptr);
      CHECK(is_aligned(support::opaque(aligned), 64));
      CHECK(support::holds_only(aligned, w.heap.usable_size(aligned), 0));
      support::fill(aligned, w.heap.usable_size(aligned), 0xff);
      w.heap.deallocate(aligned);
      if (i == 2) w.heap.trim();
    }
  }
  CHECK_SOUND(w);
}

TEST_CASE("pages that were discarded are zero without being written, and others are written") {
  World<support::SmallRadix> w;
  void* const wall = w.heap.allocate(40'000);
  char* const large = static_cast<char*>(w.heap.allocate(8 * KiB));
  support::fill(large, 8 * KiB, 0xff);
  w.heap.deallocate(large);
  w.heap.trim();
  char* const again = static_cast<char*>(w.heap.allocate_zeroed(8 * KiB));
  CHECK(support::holds_only(again, 8 * KiB, 0));
  w.heap.deallocate(again);
  w.heap.deallocate(wall);
  CHECK_SOUND(w);
}

TEST_CASE("large blocks cut from used and unused pages are zeroed where it is needed") {
  // A free run of which only some pages are dirty: the count must never be too small.
  support::Random random(11);
  World<support::SmallRadix> w;
  void* blocks[8] = {};
  size_t sizes[8] = {};
  for (int step = 0; step < 3'000; step++) {
    const size_t i = random.below(8);
    if (blocks[i] != nullptr) {
      support::fill(blocks[i], w.heap.usable_size(blocks[i]), 0xff);
      w.heap.deallocate(blocks[i]);
      blocks[i] = nullptr;
    } else {
      sizes[i] = 1 + random.below(12 * KiB);
      blocks[i] = w.heap.allocate_zeroed(sizes[i]);
      if (blocks[i] != nullptr &&
          !support::holds_only(blocks[i], w.heap.usable_size(blocks[i]), 0)) {
        FAIL_CHECK("not zero: " << sizes[i] << " bytes in step " << step);
      }
    }
    if (random.below(100) == 0) w.heap.trim();
  }
  for (void* block : blocks) w.heap.deallocate(block);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("sizes beyond PTRDIFF_MAX, and sizes that only overflow does not, give null", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  size_t failures = 0;
  for (const size_t size : {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - span_of<C>, SIZE_MAX / 2 + 1,
                            SIZE_MAX / 2, SIZE_MAX / 2 - 1, SIZE_MAX / 4, SIZE_MAX / 2 + 2}) {
    const size_t n = support::opaque(size);
    CHECK(w.heap.allocate(n) == nullptr);
    CHECK(w.heap.allocate(n, 1) == nullptr);
    CHECK(w.heap.allocate(n, 4096) == nullptr);
    CHECK(w.heap.allocate(n, SIZE_MAX / 2 + 1) == nullptr);
    CHECK(w.heap.allocate_zeroed(n) == nullptr);
    failures += 5;
    CHECK(w.stats().failures == failures);
  }
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("small blocks at an absurd alignment are not to be had", C, SUPPORT_WORLDS) {
  World<C> w;
  void* const keep = w.heap.allocate(8);
  for (unsigned bit = 30; bit < sizeof(size_t) * __CHAR_BIT__; bit++) {
    CHECK(w.heap.allocate(8, size_t{1} << bit) == nullptr);
  }
  w.heap.deallocate(keep);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("freeing null does nothing", C, SUPPORT_WORLDS) {
  World<C> w;
  w.heap.deallocate(nullptr);
  w.heap.deallocate(nullptr, 8);
  w.heap.deallocate(nullptr, 8, 8);
  w.heap.deallocate(nullptr, 1'000'000);
  CHECK(w.heap.usable_size(nullptr) == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a block is released with its size, with size and alignment, or without", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  for (size_t size = 0; size < 3 * span_of<C> && size < 100'000; size = size * 4 / 3 + 1) {
    CAPTURE(size);
    void* block = w.heap.allocate(size);
    REQUIRE(block != nullptr);
    w.heap.deallocate(block, size);
    block = w.heap.allocate(size, 32);
    REQUIRE(block != nullptr);
    w.heap.deallocate(block, size, 32);
    block = w.heap.allocate(size, 32);
    REQUIRE(block != nullptr);
    w.heap.deallocate(block);
  }
  CHECK(w.stats().live_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a span that became empty serves another size", C, SUPPORT_WORLDS) {
  // All memory goes to one size, comes back, and goes to another: without reclaiming, nothing would
  // be left.
  World<C> w;
  for (const size_t size : {size_t{8}, span_of<C> / 2, size_t{24}, span_of<C>, size_t{100}}) {
    Full full(w, size);
    CAPTURE(size);
    CHECK(full.count != 0);
    CHECK_SOUND(w);
    full.release();
    CHECK(w.stats().live_blocks == 0);
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("a bin keeps one empty span, the others go back", C, SUPPORT_WORLDS) {
  World<C> w;
  Full full(w, 64);
  full.release();
  CHECK_SOUND(w);
  CHECK(w.stats().used_bytes <= span_of<C>);
  CHECK(inspect(w.heap).bin_stats(Heap<C>::Classes::of(64)).spans <= 1);
}

TEST_CASE_TEMPLATE("freed in any order, every block can be had again", C, SUPPORT_WORLDS) {
  for (unsigned seed = 1; seed <= 5; seed++) {
    World<C> w;
    support::Random random(seed);
    Full full(w, 48);
    const size_t count = full.count;
    for (size_t i = count; i > 1; i--) {
      const size_t j = random.below(i);
      void* const swapped = full.blocks[i - 1];
      full.blocks[i - 1] = full.blocks[j];
      full.blocks[j] = swapped;
    }
    full.release();
    CHECK_SOUND(w);
    Full again(w, 48);
    CHECK(again.count == count);
    again.release();
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("blocks of all classes live side by side and keep their contents", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  support::Random random(5);
  struct Block {
    char* p = nullptr;
    size_t size = 0;
  } blocks[64];
  for (unsigned step = 0; step < 5'000; step++) {
    const size_t i = random.below(64);
    Block& b = blocks[i];
    if (b.p != nullptr) {
      if (!support::holds_pattern(b.p, b.size, static_cast<unsigned>(i))) {
        FAIL_CHECK("contents lost in step " << step);
      }
      w.heap.deallocate(b.p);
      b.p = nullptr;
    } else {
      b.size = random.below(size_t{1} << random.below(13));
      b.p = static_cast<char*>(w.heap.allocate(b.size));
      if (b.p != nullptr) support::fill_pattern(b.p, b.size, static_cast<unsigned>(i));
    }
    if (step % 64 == 0) CHECK_SOUND(w);
  }
  for (Block& b : blocks) w.heap.deallocate(b.p);
  CHECK_SOUND(w);
}

TEST_CASE("several heaps do not know of each other") {
  Heap<support::Firmware> pool;
  Heap<support::ThreeLevels> tree;
  Heap<support::ThreeLevels> other;
  REQUIRE(pool.add_region(support::arena, 64 * KiB) != 0);
  tree.pages().source().serve_from(support::arena + 64 * KiB, 64 * KiB);
  other.pages().source().serve_from(support::arena + 128 * KiB, 64 * KiB);
  void* const a = pool.allocate(100);
  void* const b = tree.allocate(100);
  void* const c = other.allocate(100);
  REQUIRE((a != nullptr && b != nullptr && c != nullptr));
  CHECK(inspect(pool).stats().live_blocks == 1);
  CHECK(inspect(tree).stats().live_blocks == 1);
  CHECK(inspect(other).stats().live_blocks == 1);
  const int foreign = static_cast<int>(Fault::foreign_pointer);
  CHECK(support::fault_of([&] { pool.deallocate(b); }) == foreign);
  CHECK(support::fault_of([&] { tree.deallocate(c); }) == foreign);
  CHECK(support::fault_of([&] { other.deallocate(a); }) == foreign);
  pool.deallocate(a);
  tree.deallocate(b);
  other.deallocate(c);
  CHECK(inspect(pool).check() == nullptr);
  CHECK(inspect(tree).check() == nullptr);
  CHECK(inspect(other).check() == nullptr);
}

TEST_CASE_TEMPLATE("may_own is false for what is not in the map", C, SUPPORT_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(8);
  CHECK(w.heap.may_own(block));
  CHECK_FALSE(w.heap.may_own(nullptr));
  w.heap.deallocate(block);
}

TEST_CASE_TEMPLATE("a heap that was seeded works as before", C, SUPPORT_WORLDS) {
  World<C> w;
  w.heap.seed(0xdead'beef);
  Full full(w, 16);
  full.release();
  w.heap.seed(0x1234'5678);  // also later
  Full again(w, 16);
  again.release();
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a seed given while blocks are free does not make their links wrong", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  void* const keep = w.heap.allocate(16);
  void* const freed = w.heap.allocate(16);
  w.heap.deallocate(freed);
  w.heap.seed(99);
  CHECK(w.heap.allocate(16) == freed);
  w.heap.deallocate(freed);
  w.heap.deallocate(keep);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("the lock is taken for every call and held by none", C, SUPPORT_WORLDS) {
  World<C> w;
  const unsigned before = support::WatchedLock::times_taken();
  void* const block = w.heap.allocate(16);
  CHECK(support::WatchedLock::times_taken() > before);
  CHECK_FALSE(support::WatchedLock::is_held());
  w.heap.deallocate(block);
  CHECK_FALSE(support::WatchedLock::is_held());
  w.heap.trim();
  CHECK_FALSE(support::WatchedLock::is_held());
}

TEST_CASE_TEMPLATE("after everything is freed, trim leaves nothing behind", C,
                   SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  Full full(w, 24);
  full.release();
  void* const large = w.heap.allocate(50'000);
  w.heap.deallocate(large);
  w.heap.trim();
  CHECK(w.stats().acquired_bytes == 0);
  CHECK(w.source().held_bytes() == w.stats().metadata_bytes);
  CHECK_SOUND(w);
  void* const block = w.heap.allocate(24);  // and it works again
  CHECK(block != nullptr);
  w.heap.deallocate(block);
  CHECK_SOUND(w);
}

// ---- Unchecked
// ------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("no overwritten link makes an unchecked heap hand out an address elsewhere", C,
                   SUPPORT_UNCHECKED_WORLDS) {
  support::Random random(3);
  for (int round = 0; round < 300; round++) {
    World<C> w;
    char* const keep = static_cast<char*>(w.heap.allocate(32));
    char* const freed = static_cast<char*>(w.heap.allocate(32));
    char* const span = keep;  // the first slot
    w.heap.deallocate(freed);
    w.is_broken();
    const uint64_t rubbish = uint64_t{random.next()} << 32 | random.next();
    __builtin_memcpy(freed, &rubbish, sizeof rubbish);
    // The first is the overwritten slot itself, the second what its link says.
    for (int i = 0; i < 4; i++) {
      const void* const block = w.heap.allocate(32);
      if (block == nullptr) break;
      const bool is_in_span = bytes_from(span, block) < span_of<C>;
      const bool is_in_heap = w.is_inside(block);
      if (!is_in_heap || (i < 2 && !is_in_span)) FAIL_CHECK("left the span: " << rubbish);
    }
  }
}
