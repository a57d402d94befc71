// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/buddy_pages.hpp, and a heap in a kernel from its boot on.
#include "rsb/buddy_pages.hpp"

#include "support/kernel.hpp"
#include "support/test.hpp"

using namespace rsb;
using support::arena;
using support::KernelBuddy;
using support::KernelWorld;

namespace {

constexpr size_t page = KernelBuddy::page_size;
constexpr size_t largest = page << KernelBuddy::max_order;
constexpr int foreign = static_cast<int>(Fault::foreign_pointer);

using Source = BuddyPages<KernelBuddy>;

// A source with all of the arena.
struct Full : Source {
  Full() {
    buddy().allocator.begin_at(arena);
    buddy().allocator.add(arena, support::arena_bytes);
  }
};

}  // namespace

static_assert(TrustedSource<Source>);
static_assert(SourceKnowsPage<Source>);
static_assert(!ZeroingSource<Source>);
static_assert(TrustedSource<BootThen<Source>>);
static_assert(MovingSource<BootThen<support::ZeroedPages>>);

TEST_CASE("any number of pages costs the buddy just these, wherever they must lie") {
  Full source;
  auto& allocator = source.buddy().allocator;
  for (size_t pages = 1; pages <= largest / page; pages++) {
    for (size_t alignment = page; alignment <= largest; alignment *= 2) {
      CAPTURE(pages);
      CAPTURE(alignment);
      void* const base = source.acquire(pages * page, alignment);
      REQUIRE(base != nullptr);
      CHECK(is_aligned(base, alignment));
      CHECK(allocator.taken_pages() == pages);
      CHECK(source.release(base, pages * page));
      CHECK(allocator.is_whole());
    }
  }
  CHECK(allocator.complaint() == nullptr);
}

TEST_CASE("the pages behind a request serve others") {
  Full source;
  size_t pages = 0;
  while (source.acquire(5 * page, page) != nullptr) pages += 5;  // of each block of 8
  CHECK(pages == 5 * 8);
  while (source.acquire(3 * page, page) != nullptr) pages += 3;  // 2 and 1 are no block of 4
  while (source.acquire(page, page) != nullptr) pages++;
  CHECK(pages == KernelBuddy::pages);
  CHECK(source.buddy().allocator.free_pages() == 0);
}

TEST_CASE("more than the largest block, or a larger alignment, is null and asks for nothing") {
  Full source;
  CHECK(source.acquire(largest + page, page) == nullptr);
  CHECK(source.acquire(page, 2 * largest) == nullptr);
  CHECK(source.acquire(SIZE_MAX / 2 + 1, page) == nullptr);
  CHECK(source.acquire(page, SIZE_MAX / 2 + 1) == nullptr);
  CHECK(source.acquire(SIZE_MAX & ~(page - 1), page) == nullptr);
  CHECK(source.buddy().allocator.complaint() == nullptr);
  CHECK(source.buddy().allocator.is_whole());
}

TEST_CASE("an exhausted buddy is null") {
  Full source;
  for (size_t i = 0; i < support::arena_bytes / largest; i++) {
    CHECK(source.acquire(largest, page) != nullptr);
  }
  CHECK(source.acquire(page, page) == nullptr);
  CHECK(source.buddy().allocator.complaint() == nullptr);
}

TEST_CASE("a heap whose pages are smaller than the buddy's is refused") {
  CHECK(Source::accepts_page(page));
  CHECK(Source::accepts_page(4 * page));
  CHECK_FALSE(Source::accepts_page(page / 2));
}

TEST_CASE("a heap over a buddy gives everything back") {
  KernelWorld w;
  w.add_window();
  w.start(arena, support::arena_bytes);
  support::Random random(5);
  void* blocks[60] = {};
  for (int round = 0; round < 2'000; round++) {
    void*& block = blocks[random.below(60)];
    w.heap.deallocate(block);
    block = w.heap.allocate(random.below(size_t{1} << random.below(16)));
  }
  CHECK(w.problem() == nullptr);
  const Stats stats = inspect(w.heap).stats();
  CHECK(stats.acquired_bytes == w.buddy().allocator.taken_pages() * page);
  CHECK(stats.releases != 0);
  for (void* block : blocks) w.heap.deallocate(block);
  w.heap.trim();
  CHECK(w.buddy().allocator.is_whole());
  CHECK(w.problem() == nullptr);
}

TEST_CASE("a large block of an odd number of pages takes no more of the buddy") {
  KernelWorld w;
  w.add_window();
  w.start(arena, support::arena_bytes);
  void* const block = w.heap.allocate(9 * page);
  REQUIRE(block != nullptr);
  CHECK(w.buddy().allocator.taken_pages() == 9);
  CHECK(w.heap.allocate(largest + 1) == nullptr);
  w.heap.deallocate(block);
  w.heap.trim();
  CHECK(w.buddy().allocator.is_whole());
  CHECK(w.problem() == nullptr);
}

// ---- Boot ----

TEST_CASE("a source that has not started has nothing") {
  BootThen<support::ScriptedPages> source;
  source.serve_from(arena, 64 * KiB);
  CHECK(source.acquire(page, page) == nullptr);
  CHECK(source.calls() == 0);
  source.start();
  void* const base = source.acquire(page, page);
  CHECK(base != nullptr);
  CHECK(source.release(base, page));
}

TEST_CASE("a kernel allocates before its page allocator is up, and frees that memory afterwards") {
  constexpr size_t boot_bytes = 64 * KiB;
  char* const rest = arena + boot_bytes;
  KernelWorld w;
  // The first thing that a kernel knows is where some memory is.
  REQUIRE(w.heap.add_region(arena, boot_bytes) != 0);
  char* const early = static_cast<char*>(w.heap.allocate(1'000));
  char* const early_large = static_cast<char*>(w.heap.allocate(5 * page));
  void* const early_pages = w.heap.pages().allocate(1);
  REQUIRE((early != nullptr && early_large != nullptr && early_pages != nullptr));
  CHECK(w.heap.allocate(boot_bytes) == nullptr);
  support::fill_pattern(early, 1'000, 1);
  support::fill_pattern(early_large, 5 * page, 2);

  // Then where all memory is; and then that it can be allocated.
  w.add_window();
  CHECK(w.heap.usable_size(early) == 1'024);
  w.start(rest, support::arena_bytes - boot_bytes);
  CHECK(w.heap.remove_region(arena, boot_bytes) == 0);  // in use: but from now on nobody gets more
  void* late[40];
  for (void*& block : late) {
    block = w.heap.allocate(1'000);
    REQUIRE(block != nullptr);
    CHECK(bytes_from(arena, block) >= boot_bytes);
  }
  CHECK(w.problem() == nullptr);

  // The blocks of the beginning are as good as any, and can end in any order.
  CHECK(support::holds_pattern(early, 1'000, 1));
  CHECK(support::holds_pattern(early_large, 5 * page, 2));
  char* const moved = static_cast<char*>(w.heap.reallocate(early, 2'000));
  REQUIRE(bytes_from(arena, moved) >= boot_bytes);
  CHECK(support::holds_pattern(moved, 1'000, 1));
  w.heap.deallocate(early_large);
  CHECK(w.heap.remove_region(arena, boot_bytes) == 0);
  w.heap.pages().deallocate(early_pages);

  // The region is empty: its memory is the buddy's, and comes back as any other.
  CHECK(w.heap.remove_region(arena, boot_bytes) != 0);
  CHECK(support::fault_of([&] { w.heap.deallocate(early); }) == foreign);
  __builtin_memset(arena, 0xff, boot_bytes);
  w.buddy().allocator.add(arena, boot_bytes);
  CHECK(w.problem() == nullptr);
  void* blocks[16] = {};
  bool reused = false;
  for (void*& block : blocks) {
    block = w.heap.allocate(3 * page);
    reused |= block != nullptr && bytes_from(arena, block) < boot_bytes;
  }
  CHECK(reused);
  CHECK(w.problem() == nullptr);
  for (void* block : blocks) w.heap.deallocate(block);
  for (void* block : late) w.heap.deallocate(block);
  w.heap.deallocate(moved);
  w.heap.trim();
  CHECK(w.buddy().allocator.is_whole());
  CHECK(w.buddy().allocator.free_pages() == KernelBuddy::pages);
  CHECK(w.problem() == nullptr);
}

TEST_CASE("a boot region inside the window needs none of its memory for descriptors") {
  constexpr size_t boot_bytes = 64 * KiB;
  KernelWorld w;
  w.add_window();
  CHECK(w.heap.add_region(arena, boot_bytes) == boot_bytes);
  void* const block = w.heap.allocate(100);
  CHECK(w.heap.remove_region(arena, boot_bytes) == 0);
  w.heap.deallocate(block);
  CHECK(w.heap.remove_region(arena, boot_bytes) == boot_bytes);
  CHECK(w.problem() == nullptr);
}

TEST_CASE("pages of a region that is gone are as new when the buddy serves them") {
  constexpr size_t boot_bytes = 64 * KiB;
  KernelWorld w;
  w.add_window();
  REQUIRE(w.heap.add_region(arena, boot_bytes) == boot_bytes);
  void* runs[boot_bytes / page];
  for (void*& run : runs) run = w.heap.pages().allocate(1);
  REQUIRE(runs[boot_bytes / page - 1] != nullptr);
  CHECK(w.heap.remove_region(arena, boot_bytes) == 0);  // now each page says that it is leaving
  for (void* run : runs) w.heap.pages().deallocate(run);
  REQUIRE(w.heap.remove_region(arena, boot_bytes) == boot_bytes);
  w.start(arena, boot_bytes);
  for (size_t pages = 1; pages <= 16; pages++) {
    size_t taken = 0;
    void* some[boot_bytes / page];
    while (void* const run = w.heap.pages().allocate(pages)) some[taken++] = run;
    CHECK(taken != 0);
    CHECK(w.problem() == nullptr);
    while (taken != 0) w.heap.pages().deallocate(some[--taken]);
    CHECK(w.problem() == nullptr);
    w.heap.trim();
    CHECK(w.buddy().allocator.is_whole());
  }
}

TEST_CASE("a heap for devices stands beside the kernel's, and neither takes the other's blocks") {
  constexpr size_t device_bytes = 64 * KiB;
  KernelWorld w;
  w.add_window();  // over the other heap's region as well
  w.start(arena + device_bytes, support::arena_bytes - device_bytes);
  Heap<support::Firmware> devices;
  REQUIRE(devices.add_region(arena, device_bytes) != 0);
  void* const ours = w.heap.allocate(100);
  void* const theirs = devices.allocate(100);
  REQUIRE((ours != nullptr && theirs != nullptr));
  CHECK(support::fault_of([&] { w.heap.deallocate(theirs); }) == foreign);
  CHECK(support::fault_of([&] { devices.deallocate(ours); }) == foreign);
  CHECK(support::fault_of([&] { support::drop(w.heap.reallocate(theirs, 1'000)); }) == foreign);
  CHECK(inspect(w.heap).stats().live_blocks == 1);
  CHECK(inspect(devices).stats().live_blocks == 1);
  w.heap.deallocate(ours);
  devices.deallocate(theirs);
  CHECK(w.problem() == nullptr);
  CHECK(inspect(devices).check() == nullptr);
}
