// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/page_allocator.hpp: the public page-only allocator.
#include "rsb/page_allocator.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

namespace {

// The page allocator inside a World's heap: the same object that stands alone below.
template <class W>
auto& pages_of(W& world) {
  return world.heap.pages();
}

constexpr int foreign = static_cast<int>(Fault::foreign_pointer);
constexpr int double_free = static_cast<int>(Fault::double_free);

// NoPages, but that it counts.
struct NeverGives : NoPages {
  void* acquire(size_t, size_t) noexcept {
    calls++;
    return nullptr;
  }
  unsigned calls = 0;
};
struct OverNothing {
  using Pages = NeverGives;
  using Lock = NoLock;
  static constexpr Options options = support::firmware;
};

}  // namespace

TEST_CASE("a page allocator stands alone") {
  static constinit PageAllocator<support::SmallRadix> pages;
  pages.source().serve_from(support::arena, support::arena_bytes);
  void* const run = pages.allocate(3);
  REQUIRE(run != nullptr);
  support::fill(run, 3 * KiB, 1);
  pages.deallocate(run);
  CHECK(pages.trim() != 0);
  CHECK(pages.source().complaint() == nullptr);
}

TEST_CASE_TEMPLATE("runs of pages are aligned to pages, writable and apart", C, SUPPORT_WORLDS) {
  World<C> w;
  auto& pages = pages_of(w);
  constexpr size_t page = World<C>::page;
  void* runs[3] = {};
  for (size_t i = 0; i < 3; i++) {
    const size_t bytes = page > 4 * KiB ? page : (i + 1) * page;
    runs[i] = pages.allocate(bytes / page);
    if (i == 0) REQUIRE(runs[i] != nullptr);
    if (runs[i] == nullptr) continue;
    CHECK(is_aligned(runs[i], page));
    CHECK(w.is_inside(runs[i]));
    support::fill(runs[i], bytes, static_cast<unsigned char>(i + 1));
  }
  for (size_t i = 0; i < 3; i++) {
    if (runs[i] == nullptr) continue;
    const size_t bytes = page > 4 * KiB ? page : (i + 1) * page;
    CHECK(support::holds_only(runs[i], bytes, static_cast<unsigned char>(i + 1)));
    pages.deallocate(runs[i]);
  }
  CHECK(w.stats().used_bytes == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("no pages, or an alignment that is no power of two, give null", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  auto& pages = pages_of(w);
  CHECK(pages.allocate(0) == nullptr);
  CHECK(pages.allocate(1, 0) == nullptr);
  CHECK(pages.allocate(1, 3 * World<C>::page) == nullptr);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("an alignment below a page means a page", C, SUPPORT_WORLDS) {
  World<C> w;
  void* const run = pages_of(w).allocate(1, 1);
  CHECK(run != nullptr);
  CHECK(is_aligned(run, World<C>::page));
  pages_of(w).deallocate(run);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("every alignment that the arena has room for is served", C, SUPPORT_WORLDS) {
  constexpr size_t page = World<C>::page;
  for (size_t alignment = page; alignment <= 64 * KiB; alignment *= 2) {
    World<C> w;
    CAPTURE(alignment);
    void* const run = pages_of(w).allocate(1, alignment);
    REQUIRE(run != nullptr);
    CHECK(is_aligned(run, alignment));
    support::fill(run, page, 1);
    pages_of(w).deallocate(run);
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("absurd lengths and alignments give null", C, SUPPORT_WORLDS) {
  World<C> w;
  auto& pages = pages_of(w);
  void* const keep = pages.allocate(1);  // the lists are not empty
  for (unsigned bit = 16; bit < sizeof(size_t) * __CHAR_BIT__; bit++) {
    CAPTURE(bit);
    CHECK(pages.allocate(size_t{1} << bit) == nullptr);
    CHECK(pages.allocate((size_t{1} << bit) - 1) == nullptr);
    if ((size_t{1} << bit) > support::arena_bytes) {
      // The arena may lie at such an address by chance only if the alignment is small.
      if (bit >= 30) CHECK(pages.allocate(1, size_t{1} << bit) == nullptr);
    }
  }
  CHECK(pages.allocate(SIZE_MAX) == nullptr);
  CHECK(pages.allocate(SIZE_MAX / World<C>::page + 2) == nullptr);
  pages.deallocate(keep);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("null is no run, and freeing it does nothing", C, SUPPORT_WORLDS) {
  World<C> w;
  pages_of(w).deallocate(nullptr);
  CHECK_FALSE(pages_of(w).resize(nullptr, 1));
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("what is not the start of a live run is refused", C, SUPPORT_WORLDS) {
  World<C> w;
  auto& pages = pages_of(w);
  constexpr size_t page = World<C>::page;
  int local = 0;
  char* const run = static_cast<char*>(pages.allocate(2));
  char* const behind =
      static_cast<char*>(pages.allocate(1));  // so that freed runs keep their start
  REQUIRE((run != nullptr && behind != nullptr));
  CHECK(support::fault_of([&] { pages.deallocate(&local); }) == foreign);
  CHECK(support::fault_address() == &local);
  CHECK(support::fault_of([&] { pages.deallocate(run + 1); }) == foreign);
  CHECK(support::fault_of([&] { pages.deallocate(run + page); }) == foreign);
  CHECK(support::fault_of([&] { support::drop(pages.resize(run + page, 1)); }) == foreign);
  void* const block = w.heap.allocate(World<C>::options.span_size + 1);
  if (block != nullptr) {
    CHECK(support::fault_of([&] { pages.deallocate(block); }) == foreign);
    w.heap.deallocate(block);
  }
  CHECK_SOUND(w);
  pages.deallocate(run);
  const int again = support::fault_of([&] { pages.deallocate(run); });
  CHECK((again == double_free || again == foreign));
  pages.deallocate(behind);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a run is resized where it stands, or stays as it was", C, support::SmallRadix,
                   support::ThreeLevels, support::MultiPageSpans, support::Firmware,
                   support::Smallest, support::Unchecked) {
  World<C> w;
  auto& pages = pages_of(w);
  constexpr size_t page = World<C>::page;
  char* const run = static_cast<char*>(pages.allocate(2));
  REQUIRE(run != nullptr);
  support::fill_pattern(run, 2 * page, 1);
  CHECK_FALSE(pages.resize(run, 0));
  CHECK(pages.resize(run, 2));
  REQUIRE(pages.resize(run, 4));  // all behind it is free
  CHECK(support::holds_pattern(run, 2 * page, 1));
  support::fill_pattern(run, 4 * page, 2);
  CHECK(w.stats().used_bytes == 4 * page);

  void* const wall = pages.allocate(1);
  REQUIRE(wall == run + 4 * page);
  CHECK_FALSE(pages.resize(run, 5));
  CHECK_FALSE(pages.resize(run, SIZE_MAX));
  CHECK_FALSE(pages.resize(run, SIZE_MAX / page + 2));
  CHECK(w.stats().used_bytes == 5 * page);
  CHECK(pages.resize(run, 1));
  CHECK(support::holds_pattern(run, page, 2));
  CHECK(w.stats().used_bytes == 2 * page);
  CHECK_SOUND(w);
  CHECK(pages.resize(run, 3));
  CHECK_FALSE(pages.resize(run, 5));
  pages.deallocate(run);
  pages.deallocate(wall);
  CHECK(w.stats().used_bytes == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("trim gives back every acquisition that is free", C, SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  auto& pages = pages_of(w);
  void* const a = pages.allocate(1);
  void* const b = pages.allocate(C::options.acquire_size / World<C>::page);  // one of its own
  REQUIRE((a != nullptr && b != nullptr));
  pages.deallocate(b);
  const size_t before = w.source().held_bytes();
  CHECK(pages.trim() >= C::options.acquire_size);
  CHECK(w.source().held_bytes() <= before - C::options.acquire_size);
  CHECK_SOUND(w);
  pages.deallocate(a);
  pages.trim();
  CHECK(w.stats().acquired_bytes == 0);
  CHECK(w.source().held_bytes() == w.stats().metadata_bytes);
  CHECK(pages.trim() == 0);
  CHECK_SOUND(w);
}

TEST_CASE("trim discards what cannot be released, where the source can, and returns the bytes") {
  World<support::SmallRadix> w;
  auto& pages = pages_of(w);
  void* const wall = pages.allocate(1);
  void* const run = pages.allocate(9);
  support::fill(run, 9 * KiB, 1);
  pages.deallocate(run);
  CHECK(pages.trim() >= 9 * KiB);
  CHECK(w.source().discards() != 0);
  CHECK(pages.trim() == 0);
  CHECK_SOUND(w);
  pages.deallocate(wall);
}

TEST_CASE("free memory above the limit goes back to the source at once") {
  World<support::SmallRadix> w;
  auto& pages = pages_of(w);
  constexpr size_t acquisition = support::small_radix.acquire_size;
  constexpr size_t limit = support::small_radix.keep_free;
  void* runs[5];
  for (void*& run : runs) run = pages.allocate(acquisition / KiB);
  REQUIRE(runs[4] != nullptr);
  for (void* run : runs) {
    pages.deallocate(run);
    CHECK(w.stats().free_bytes <= limit);
  }
  CHECK(w.stats().free_bytes == limit);  // and what is below stays
  CHECK(w.source().releases() == 3);
  CHECK_SOUND(w);
}

TEST_CASE("free memory above the limit is discarded where only a part of an acquisition is free") {
  // Ten acquisitions, each with one used page in it.
  World<support::SmallRadix> w;
  auto& pages = pages_of(w);
  constexpr size_t acquisition = support::small_radix.acquire_size / KiB;
  void* walls[5];
  void* runs[5];
  for (size_t i = 0; i < 5; i++) {
    walls[i] = pages.allocate(1);
    runs[i] = pages.allocate(acquisition - 1);
  }
  REQUIRE(runs[4] != nullptr);
  constexpr size_t limit = support::small_radix.keep_free;
  for (void* run : runs) {
    pages.deallocate(run);
    // The last one waits: it may be wanted again at once.
    CHECK(w.stats().kept_bytes <= limit + (acquisition - 1) * KiB);
  }
  CHECK(w.source().discards() == 2);
  CHECK_SOUND(w);
  for (void* wall : walls) pages.deallocate(wall);
  CHECK_SOUND(w);
}

TEST_CASE("a run that is freed and taken again and again is not discarded") {
  World<support::SmallRadix> w;
  auto& pages = pages_of(w);
  constexpr size_t acquisition = support::small_radix.acquire_size / KiB;
  void* runs[4];
  for (void*& run : runs) {
    REQUIRE(pages.allocate(1) != nullptr);
    run = pages.allocate(acquisition - 1);
  }
  REQUIRE(runs[3] != nullptr);
  for (void* run : runs) pages.deallocate(run);
  const size_t discards = w.source().discards();
  for (int i = 0; i < 10; i++) {
    void* const run = pages.allocate(acquisition - 1);
    REQUIRE(run != nullptr);
    pages.deallocate(run);
  }
  CHECK(w.source().discards() == discards);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("memory that the source does not take back is kept, and serves again", C,
                   SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  auto& pages = pages_of(w);
  void* const run = pages.allocate(C::options.acquire_size / World<C>::page);
  REQUIRE(run != nullptr);
  support::fill(run, C::options.acquire_size, 1);
  pages.deallocate(run);
  w.source().refuse_next_releases(1);
  const size_t acquired = w.stats().acquired_bytes;
  pages.trim();
  CHECK(w.stats().acquired_bytes == acquired);
  CHECK(w.stats().free_bytes == acquired);
  CHECK_SOUND(w);
  CHECK(pages.allocate(C::options.acquire_size / World<C>::page) == run);
  pages.deallocate(run);
  CHECK(pages.trim() == acquired);
  CHECK_SOUND(w);
}

TEST_CASE("a discard that the source refuses changes nothing") {
  World<support::SmallRadix> w;
  auto& pages = pages_of(w);
  void* const wall = pages.allocate(1);
  char* const run = static_cast<char*>(pages.allocate(9));
  support::fill(run, 9 * KiB, 1);
  pages.deallocate(run);
  w.source().refuse_next_discards(1);
  CHECK(pages.trim() == 0);
  CHECK_SOUND(w);
  CHECK(pages.trim() >= 9 * KiB);
  pages.deallocate(wall);
  CHECK_SOUND(w);
}

TEST_CASE("a request above half an acquisition gets one of its own, in just its size") {
  World<support::SmallRadix> w;
  auto& pages = pages_of(w);
  constexpr size_t half = support::small_radix.acquire_size / 2 / KiB;
  void* const small = pages.allocate(half);
  CHECK(w.stats().acquired_bytes == support::small_radix.acquire_size);
  void* const large = pages.allocate(half + 9);
  CHECK(w.stats().acquired_bytes == support::small_radix.acquire_size + (half + 9) * KiB);
  pages.deallocate(small);
  pages.deallocate(large);
  CHECK_SOUND(w);
}

TEST_CASE("a source that never gives anything is not asked") {
  static constinit PageAllocator<OverNothing> pages;
  CHECK(pages.allocate(1) == nullptr);
  REQUIRE(pages.add_region(support::arena, 64 * KiB) != 0);
  void* const run = pages.allocate(3);
  CHECK(run != nullptr);
  while (pages.allocate(1) != nullptr) {
  }
  CHECK(pages.source().calls == 0);
  pages.deallocate(run);
  CHECK(pages.allocate(3) == run);
}

TEST_CASE("when a whole acquisition is not to be had, a half is asked for, and so on") {
  World<support::SmallRadix> w(24 * KiB);  // less than an acquisition, and the map needs some
  void* const run = pages_of(w).allocate(2);
  CHECK(run != nullptr);
  CHECK(w.stats().acquired_bytes == 16 * KiB);
  // Down to single pages, so that nothing is left.
  while (pages_of(w).allocate(1) != nullptr) {
  }
  CHECK(w.source().held_bytes() == 24 * KiB);
  CHECK(w.stats().free_bytes == 0);
  // By now a refusal costs one question.
  const size_t calls = w.source().calls();
  CHECK(pages_of(w).allocate(1) == nullptr);
  CHECK(w.source().calls() == calls + 1);
  pages_of(w).deallocate(run);
  CHECK_SOUND(w);
}

TEST_CASE("what was refused is asked for again, twice as much each time that there is something") {
  World<support::SmallRadix> w;
  auto& pages = pages_of(w);
  w.source().fail_always_after(0);
  CHECK(pages.allocate(1) == nullptr);
  w.source().fail_never();
  size_t acquired = 0;
  for (const size_t expected : {1u, 2u, 4u, 8u, 16u, 32u, 32u}) {
    void* const run = pages.allocate(1);
    REQUIRE(run != nullptr);
    CHECK(w.stats().acquired_bytes == acquired + expected * KiB);
    acquired = w.stats().acquired_bytes;
    while (w.stats().free_bytes != 0) REQUIRE(pages.allocate(1) != nullptr);
  }
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a map that lacks memory for a leaf gets a smaller node", C, support::SmallRadix,
                   support::ThreeLevels) {
  // Room for one page of the map and some others.
  World<C> w(5 * C::options.page_size);
  size_t count = 0;
  while (pages_of(w).allocate(1) != nullptr) count++;
  CHECK(count == 4);
  CHECK(w.stats().metadata_bytes == C::options.page_size);
  CHECK_SOUND(w);
}

namespace {

struct SparingPages : support::ZeroedPages {
  static inline constinit size_t to_spare = 0;
  bool has_to_spare(size_t bytes) noexcept { return bytes <= to_spare; }
};
struct Sparing : support::Configuration<support::three_levels, SparingPages> {};

}  // namespace

TEST_CASE("where there is little to spare, a map's node covers what there is, and not much more") {
  SparingPages::to_spare = SIZE_MAX;
  size_t with_plenty = 0;
  {
    World<Sparing> w;
    REQUIRE(pages_of(w).allocate(1) != nullptr);
    with_plenty = w.stats().metadata_bytes;
    CHECK_SOUND(w);
  }
  SparingPages::to_spare = 0;
  World<Sparing> w(24 * KiB);
  REQUIRE(pages_of(w).allocate(1) != nullptr);
  CHECK(w.stats().metadata_bytes < with_plenty);
  CHECK_SOUND(w);
}
