// SPDX-License-Identifier: MIT OR Apache-2.0
// Memory handed over by address: regions and windows of rsb/page_allocator.hpp.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

namespace {

constexpr size_t half_of_arena = support::arena_bytes / 2;

}  // namespace

TEST_CASE_TEMPLATE("a region handed over by address serves and never goes to the source", C,
                   SUPPORT_SOURCE_WORLDS) {
  constexpr size_t half = support::arena_bytes / 2;
  World<C> w(half);
  auto& pages = w.heap.pages();
  char* const region = support::arena + half;
  const size_t given = w.add_region(region + 3, half - 3);
  CHECK(given > half - 3 * World<C>::page);
  CHECK(w.stats().acquired_bytes == given);
  void* const run = pages.allocate(2);
  CHECK(bytes_from(region, run) < half);
  pages.deallocate(run);
  pages.trim();
  CHECK(w.stats().acquired_bytes == given);
  CHECK_SOUND(w);
}

TEST_CASE("a region of a pool pays for its own descriptors, and only for those") {
  for (size_t bytes = 100; bytes < 20'000; bytes += 777) {
    for (size_t off = 0; off < 9; off += 4) {
      Heap<support::Firmware> heap;
      const size_t got = heap.add_region(support::arena + off, bytes);
      CHECK(got % 256 == 0);
      CHECK(got <= bytes);
      // What is lost: alignment at both ends, the window, and a descriptor a page.
      const size_t lost = got / 256 * sizeof(Span) + 2 * 256 + 2 * sizeof(Span);
      if (bytes > 2'000) CHECK(got + lost >= bytes);
      CHECK(inspect(heap).check() == nullptr);
      size_t taken = 0;
      while (void* const run = heap.pages().allocate(1)) {
        REQUIRE(bytes_from(support::arena + off, run) + 256 <= bytes);
        taken += 256;
      }
      CHECK(taken == got);
    }
  }
}

TEST_CASE("regions too small for a page are refused") {
  Heap<support::Firmware> heap;
  for (size_t bytes = 0; bytes < 256; bytes += 15) {
    CHECK(heap.add_region(support::arena, bytes) == 0);
  }
  CHECK(inspect(heap).stats().acquired_bytes == 0);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE_TEMPLATE("of a region that a heap takes there is a block to be had", C, SUPPORT_WORLDS) {
  constexpr size_t page = C::options.page_size;
  constexpr size_t span = C::options.span_size;
  for (size_t bytes = page; bytes <= 3 * span && bytes <= half_of_arena; bytes += page) {
    for (const size_t off : {size_t{0}, page / 2}) {
      CAPTURE(bytes);
      CAPTURE(off);
      World<C> w(half_of_arena);
      char* const region = support::arena + half_of_arena + off;
      const size_t most = bytes - off;
      w.heap.deallocate(w.heap.allocate(1));
      const size_t before = w.stats().acquired_bytes;
      const size_t added = w.add_region(region, most);
      CHECK((added == 0 || added >= span));
      CHECK(w.stats().acquired_bytes - before == added);
      if (added == 0) {
        CHECK(most < span + 3 * page + span / page * sizeof(Span) + 2 * sizeof(Window));
        CHECK(w.remove_region(region, most) == 0);
      }
      bool has_served = false;
      void* blocks[half_of_arena / 256];
      size_t taken = 0;
      if constexpr (!World<C>::is_pool) w.source().fail_always_after(0);
      while (void* const block = w.heap.allocate(larger(span / 4, 256))) {
        has_served = has_served || bytes_from(region, block) < most;
        blocks[taken++] = block;
      }
      CHECK(has_served == (added != 0));
      while (taken != 0) w.heap.deallocate(blocks[--taken]);
      CHECK_SOUND(w);
    }
  }
}

TEST_CASE("a region with pages but no span serves who asks for pages, and nobody else") {
  Heap<support::Firmware> heap;
  CHECK(heap.add_region(support::arena, 1 * KiB) == 0);
  CHECK(inspect(heap).stats().acquired_bytes == 0);
  CHECK(heap.allocate(1) == nullptr);
  const size_t added = heap.pages().add_region(support::arena, 1 * KiB);
  CHECK(added == 768);
  CHECK(heap.allocate(1) == nullptr);
  void* const run = heap.pages().allocate(2);
  CHECK(run != nullptr);
  heap.pages().deallocate(run);
  CHECK(heap.pages().remove_region(support::arena, 1 * KiB) == added);
}

TEST_CASE("a pool takes any number of regions, and runs do not span them") {
  Heap<support::Firmware> heap;
  size_t given = 0;
  for (size_t i = 0; i < support::arena_bytes / (4 * KiB); i++) {
    const size_t got = heap.add_region(support::arena + i * 4 * KiB, 4 * KiB);
    CHECK(got != 0);
    given += got;
  }
  CHECK(inspect(heap).stats().acquired_bytes == given);
  CHECK(heap.pages().allocate(4 * KiB / 256) == nullptr);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a region that overlaps one that the heap has is a fault, and harms nothing") {
  constexpr int bad_pages = static_cast<int>(Fault::bad_pages);
  Heap<support::SmallRadix> heap;
  heap.pages().source().serve_from(support::arena + 128 * KiB, 64 * KiB);
  REQUIRE(heap.add_region(support::arena, 16 * KiB) != 0);
  void* const block = heap.allocate(100);
  CHECK(support::fault_of([&] { heap.add_region(support::arena, 16 * KiB); }) == bad_pages);
  CHECK(support::fault_of([&] { heap.add_region(support::arena + 8 * KiB, 16 * KiB); }) ==
        bad_pages);
  CHECK(inspect(heap).check() == nullptr);
  heap.deallocate(block);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a window tells a pool where its source lives") {
  Heap<support::Firmware> heap;
  char* const base = align_up(support::arena, 256);
  constexpr size_t bytes = 64 * KiB;
  static Span descriptors[bytes / 256];
  for (Span& s : descriptors) s = Span{};
  CHECK(heap.allocate(16) == nullptr);  // outside every window nothing can be used
  Window window{base, bytes / 256, descriptors};
  heap.pages().add_window(window);
  heap.pages().source().serve_from(base, bytes);
  void* const block = heap.allocate(16);
  REQUIRE(block != nullptr);
  CHECK(bytes_from(base, block) < bytes);
  CHECK(inspect(heap).check() == nullptr);
  heap.deallocate(block);
  CHECK(heap.trim() != 0);
  CHECK(heap.pages().source().held() == 0);
  CHECK(heap.pages().source().complaint() == nullptr);
}

TEST_CASE("a machine's memory map becomes windows, and holes in it none") {
  using TheHeap = Heap<support::Firmware>;
  char* const base = align_up(support::arena, 256);
  const Region ram[] = {
      {base + 100, 900},      // begins within a page, and shares one with the next region
      {base + 1000, 24},      //
      {base + 1024, 4096},    // and that one's end is this one's beginning
      {base + 6 * KiB, 0},    // nothing
      {base + 8 * KiB, 257},  // two pages
      {base + 16 * KiB, 16 * KiB},
  };
  constexpr size_t pages = 5120 / 256 + 2 + 16 * KiB / 256;
  constexpr size_t of_windows = 3 * align_up(sizeof(Window), alignof(Span));
  constexpr size_t bytes = of_windows + pages * sizeof(Span);
  CHECK(PageAllocator<support::Firmware>::bytes_for_windows(ram, 6) == bytes);
  alignas(64) static char memory[bytes + 64];
  __builtin_memset(memory, 0, bytes);
  __builtin_memset(memory + bytes, 0x5a, 64);

  TheHeap heap;
  heap.pages().add_windows(ram, 6, memory);
  CHECK(support::holds_only(memory + bytes, 64, 0x5a));
  for (const Region& region : ram) {
    for (size_t i = 0; i < region.bytes; i++) {
      REQUIRE(heap.may_own(static_cast<char*>(region.base) + i));
    }
  }
  CHECK_FALSE(heap.may_own(base + 5120));
  CHECK_FALSE(heap.may_own(base + 8 * KiB - 1));
  CHECK_FALSE(heap.may_own(base + 8 * KiB + 512));
  CHECK_FALSE(heap.may_own(base + 32 * KiB));

  heap.pages().source().serve_from(base + 16 * KiB, 16 * KiB);
  size_t blocks = 0;
  while (heap.allocate(1 * KiB) != nullptr) blocks++;
  CHECK(blocks == 16);
  CHECK(inspect(heap).check() == nullptr);
  CHECK(heap.pages().source().complaint() == nullptr);
}

TEST_CASE("pages from outside the windows go back to the source") {
  Heap<support::Firmware> heap;
  heap.pages().source().serve_from(support::arena, 64 * KiB);
  CHECK(heap.allocate(16) == nullptr);
  CHECK(heap.pages().source().acquisitions() != 0);
  CHECK(heap.pages().source().held() == 0);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a region handed over twice to a pool is a fault, and harms nothing") {
  constexpr int bad_pages = static_cast<int>(Fault::bad_pages);
  Heap<support::Firmware> heap;
  REQUIRE(heap.add_region(support::arena, 16 * KiB) != 0);
  void* const block = heap.allocate(100);
  CHECK(support::fault_of([&] { heap.add_region(support::arena, 16 * KiB); }) == bad_pages);
  CHECK(inspect(heap).check() == nullptr);
  heap.deallocate(block);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a region of what a pool keeps its descriptors in is a fault, and harms nothing") {
  constexpr int bad_pages = static_cast<int>(Fault::bad_pages);
  Heap<support::Firmware> heap;
  REQUIRE(heap.add_region(support::arena, 64 * KiB) != 0);
  CHECK(support::fault_of([&] { heap.add_region(support::arena, 1 * KiB); }) == bad_pages);
  CHECK(support::fault_of([&] { heap.add_region(support::arena + 1 * KiB, 1 * KiB); }) ==
        bad_pages);
  CHECK(inspect(heap).check() == nullptr);
  void* const block = heap.allocate(100);
  CHECK(block != nullptr);
  heap.deallocate(block);
  CHECK(inspect(heap).check() == nullptr);
}

// ---- Taking regions out again ----

namespace {

constexpr size_t half = support::arena_bytes / 2;
char* upper() {
  return support::arena + half;
}
bool is_in_upper(const void* p) {
  return bytes_from(upper(), p) < half;
}

// A world with a region in the upper half, from which everything is taken first, and memory
// elsewhere.
template <class C>
struct TwoHalves {
  TwoHalves() : world(half), added(world.add_region(upper(), half)) {}

  // Blocks until there are none; those outside the region are released.
  template <class W>
  static size_t take_in_region(W& w, size_t size, void** blocks, size_t most) {
    void* others[300];
    size_t count = 0, other = 0;
    while (count < most && other < 300) {
      void* const block = w.heap.allocate(size);
      if (block == nullptr) break;
      (is_in_upper(block) ? blocks[count++] : others[other++]) = block;
    }
    while (other != 0) w.heap.deallocate(others[--other]);
    return count;
  }

  World<C> world;
  const size_t added;
};

}  // namespace

TEST_CASE_TEMPLATE("an empty region can be taken out, and is the caller's then", C,
                   SUPPORT_WORLDS) {
  TwoHalves<C> t;
  World<C>& w = t.world;
  REQUIRE(t.added != 0);
  CHECK(w.remove_region(upper(), half) == t.added);
  CHECK_SOUND(w);
  __builtin_memset(upper(), 0xff, half);
  for (size_t size = 1; size < half; size *= 3) {
    void* const block = w.heap.allocate(size);
    CHECK_FALSE(is_in_upper(block));
    w.heap.deallocate(block);
  }
  CHECK_SOUND(w);
  CHECK(support::holds_only(upper(), half, 0xff));
  CHECK(w.remove_region(upper(), half) == 0);
}

TEST_CASE_TEMPLATE("spans that bins keep without a block in them do not hold a region", C,
                   SUPPORT_WORLDS) {
  TwoHalves<C> t;
  World<C>& w = t.world;
  void* blocks[1];
  if (TwoHalves<C>::take_in_region(w, 16, blocks, 1) != 0) w.heap.deallocate(blocks[0]);
  CHECK(w.remove_region(upper(), half) == t.added);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a region in use stays, but nothing more is allocated from it", C,
                   SUPPORT_WORLDS) {
  TwoHalves<C> t;
  World<C>& w = t.world;
  constexpr size_t span = World<C>::options.span_size;
  for (const size_t size : {size_t{16}, span, span + 1}) {
    CAPTURE(size);
    constexpr size_t most = 100;
    void* blocks[most];
    const size_t count = TwoHalves<C>::take_in_region(w, size, blocks, most);
    if (count == 0) continue;  // no two pages in one region
    for (size_t i = 0; i < count; i++) support::fill_pattern(blocks[i], size, unsigned(i));
    for (size_t i = 1; i < count; i += 2) w.heap.deallocate(blocks[i]);
    CHECK(w.remove_region(upper(), half) == 0);
    CHECK_SOUND(w);
    void* more[most];
    CHECK(TwoHalves<C>::take_in_region(w, size, more, most) == 0);
    CHECK(TwoHalves<C>::take_in_region(w, 4, more, most) == 0);
    CHECK(w.heap.pages().allocate(half / World<C>::page - 1) == nullptr);
    CHECK_SOUND(w);
    for (size_t i = 0; i < count; i += 2) {
      CHECK(w.remove_region(upper(), half) == 0);
      CHECK(support::holds_pattern(blocks[i], size, unsigned(i)));
      w.heap.deallocate(blocks[i]);
      CHECK(TwoHalves<C>::take_in_region(w, size, more, most) == 0);
      CHECK_SOUND(w);
    }
    CHECK(w.remove_region(upper(), half) == t.added);
    CHECK_SOUND(w);
    CHECK(w.add_region(upper(), half) == t.added);
  }
}

TEST_CASE_TEMPLATE("a region that was to be taken out can stay after all", C, SUPPORT_WORLDS) {
  TwoHalves<C> t;
  World<C>& w = t.world;
  constexpr size_t most = 100;
  void* blocks[most];
  const size_t count = TwoHalves<C>::take_in_region(w, 16, blocks, most);
  for (size_t i = 1; i < count; i++) w.heap.deallocate(blocks[i]);
  if (count == 0) return;
  CHECK(w.remove_region(upper(), half) == 0);
  CHECK(w.add_region(upper(), half) == t.added);
  CHECK_SOUND(w);
  void* more[most];
  const size_t again = TwoHalves<C>::take_in_region(w, 16, more, most);
  CHECK(again != 0);
  for (size_t i = 0; i < again; i++) w.heap.deallocate(more[i]);
  w.heap.deallocate(blocks[0]);
  CHECK(w.remove_region(upper(), half) == t.added);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a block of a region that is gone is a foreign pointer", C,
                   SUPPORT_CHECKED_WORLDS) {
  TwoHalves<C> t;
  World<C>& w = t.world;
  void* block;
  if (TwoHalves<C>::take_in_region(w, 16, &block, 1) == 0) return;
  w.heap.deallocate(block);
  REQUIRE(w.remove_region(upper(), half) == t.added);
  constexpr int foreign = static_cast<int>(Fault::foreign_pointer);
  CHECK(support::fault_of([&] { w.heap.deallocate(block); }) == foreign);
  CHECK(support::fault_of([&] { w.heap.deallocate(block, 16); }) == foreign);
  CHECK(support::fault_of([&] { support::drop(w.heap.reallocate(block, 1)); }) == foreign);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("only what was added can be taken out", C, SUPPORT_WORLDS) {
  TwoHalves<C> t;
  World<C>& w = t.world;
  CHECK(w.remove_region(upper() + 2 * World<C>::page, half - 2 * World<C>::page) == 0);
  CHECK(w.remove_region(upper(), half - 2 * World<C>::page) == 0);
  CHECK(w.remove_region(upper() - World<C>::page, half + World<C>::page) == 0);
  CHECK(w.remove_region(support::arena, support::arena_bytes) == 0);
  CHECK(w.remove_region(nullptr, 0) == 0);
  CHECK(w.remove_region(&w, sizeof w) == 0);
  if (!World<C>::is_pool) {  // of the source
    void* const run = w.heap.pages().allocate(half / World<C>::page / 2);
    CHECK(w.remove_region(run, half / 2) == 0);
    w.heap.pages().deallocate(run);
  }
  CHECK_SOUND(w);
  CHECK(w.remove_region(upper(), half) == t.added);
}

TEST_CASE_TEMPLATE("a region goes and comes as often as one likes", C, SUPPORT_WORLDS) {
  TwoHalves<C> t;
  World<C>& w = t.world;
  for (size_t i = 0; i < 20; i++) {
    CHECK(w.remove_region(upper(), half) == t.added);
    CHECK_SOUND(w);
    __builtin_memset(upper(), 0xff, half);
    CHECK(w.add_region(upper(), half) == t.added);
    CHECK_SOUND(w);
    void* blocks[300];
    size_t count = TwoHalves<C>::take_in_region(w, World<C>::page, blocks, 300);
    CHECK(count != 0);
    while (count != 0) w.heap.deallocate(blocks[--count]);
  }
}

TEST_CASE("a run does not grow into a region that is on its way out") {
  World<support::SmallRadix> w(0);
  REQUIRE(w.add_region(upper(), half) == 0);  // the map has no memory for its nodes
  w.source().serve_from(support::arena, half);
  REQUIRE(w.add_region(upper(), half) == half);
  void* const run = w.heap.pages().allocate(2);
  REQUIRE(is_in_upper(run));
  CHECK(w.remove_region(upper(), half) == 0);
  CHECK_FALSE(w.heap.pages().resize(run, 3));
  CHECK(w.heap.pages().resize(run, 1));
  CHECK_FALSE(w.heap.pages().resize(run, 2));
  CHECK_SOUND(w);
  CHECK(w.add_region(upper(), half) == half);
  CHECK(w.heap.pages().resize(run, 2));
  w.heap.pages().deallocate(run);
  CHECK(w.remove_region(upper(), half) == half);
}

TEST_CASE("a pool's first regions can be taken out, as many as the options say") {
  Heap<support::Firmware> heap;
  constexpr size_t removable = support::firmware.removable_regions;
  constexpr size_t bytes = 8 * KiB;
  size_t added[removable + 2];
  for (size_t i = 0; i < removable + 2; i++) {
    added[i] = heap.add_region(support::arena + i * bytes, bytes);
    CHECK(added[i] != 0);
  }
  CHECK(inspect(heap).check() == nullptr);
  for (size_t i = removable + 2; i-- != 0;) {
    CHECK(heap.remove_region(support::arena + i * bytes, bytes) == (i < removable ? added[i] : 0));
    CHECK(inspect(heap).check() == nullptr);
  }
  size_t taken = 0;
  while (void* const run = heap.pages().allocate(1)) {  // the others serve on
    CHECK(bytes_from(support::arena + removable * bytes, run) < 2 * bytes);
    taken += 256;
  }
  CHECK(taken == added[removable] + added[removable + 1]);
}

TEST_CASE("other memory at the place of a region that is gone is another region") {
  Heap<support::Firmware> heap;
  const size_t whole = heap.add_region(support::arena, 16 * KiB);
  CHECK(heap.remove_region(support::arena, 16 * KiB) == whole);
  const size_t part = heap.add_region(support::arena + 1 * KiB, 4 * KiB);
  CHECK((part != 0 && part < whole));
  CHECK(heap.remove_region(support::arena, 16 * KiB) == 0);
  void* const block = heap.allocate(100);
  CHECK(bytes_from(support::arena + 1 * KiB, block) < 4 * KiB);
  CHECK(inspect(heap).check() == nullptr);
  heap.deallocate(block);
  CHECK(heap.remove_region(support::arena + 1 * KiB, 4 * KiB) == part);
  CHECK(heap.add_region(support::arena, 16 * KiB) == whole);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a region that lies in a window only in part is refused") {
  Heap<support::Firmware> heap;
  char* const base = align_up(support::arena, 256);
  static Span descriptors[16];
  for (Span& s : descriptors) s = Span{};
  Window window{base + 8 * KiB, 16, descriptors};
  heap.pages().add_window(window);
  CHECK(heap.add_region(base, 10 * KiB) == 0);
  CHECK(heap.add_region(base + 10 * KiB, 10 * KiB) == 0);
  CHECK(heap.add_region(base, 8 * KiB) != 0);
  CHECK(heap.add_region(base + 8 * KiB, 4 * KiB) == 4 * KiB);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a region says what is in it") {
  Heap<support::Firmware> heap;
  const size_t added = heap.add_region(support::arena, 16 * KiB);
  HeapInspector<support::Firmware> inspector(heap);
  CHECK(inspector.region_stats(support::arena, 16 * KiB).free_bytes == added);
  CHECK(inspector.region_stats(support::arena, 16 * KiB).longest_run_bytes == added);
  void* const small = heap.allocate(16);
  void* const large = heap.allocate(2 * KiB);
  void* const run = heap.pages().allocate(1);
  heap.deallocate(large);
  RegionStats stats = inspector.region_stats(support::arena, 16 * KiB);
  CHECK(stats.live_blocks == 1);
  CHECK(stats.used_bytes == 1 * KiB + 256);
  CHECK(stats.free_bytes == added - 1 * KiB - 256);
  CHECK(stats.longest_run_bytes == added - 3 * KiB - 256);
  heap.deallocate(small);
  CHECK(heap.remove_region(support::arena, 16 * KiB) == 0);
  stats = inspector.region_stats(support::arena, 16 * KiB);
  CHECK(stats.live_blocks == 0);
  CHECK(stats.used_bytes == 256);  // the span went with the bin's hold on it
  heap.pages().deallocate(run);
  CHECK(heap.remove_region(support::arena, 16 * KiB) == added);
  CHECK(inspector.region_stats(support::arena, 16 * KiB).free_bytes == 0);
}
