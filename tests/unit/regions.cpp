// Memory handed over by address: regions and windows of rsb/page_allocator.hpp.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

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
