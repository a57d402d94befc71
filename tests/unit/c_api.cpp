// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/rsb.h and the built instance behind it: every promise of the header that needs no operating
// system.
#include "rsb/rsb.h"

#include <stdio.h>
#include <string.h>

#include "rsb/internal/machine/bits.hpp"
#include "support/built_instance.hpp"

using rsb::is_aligned;
using rsb::KiB;
using support::fault_of;
using support::is_small;
using support::malloc_alignment;
using support::NothingLeft;
using support::opaque;

// The same header as C: c_api_in_c.c, compiled by each standard. Null, or what was wrong.
extern "C" const char* rsb_unit_c11(void);
extern "C" const char* rsb_unit_c17(void);

namespace {

constexpr size_t some_sizes[] = {0,     1,     3,     4,      8,      12,     16,
                                 17,    40,    100,   128,    129,    1'000,  4'000,
                                 4'097, 8'192, 9'000, 16'384, 16'385, 20'000, 33'000};

}  // namespace

TEST_CASE("the header is C11") {
  NothingLeft nothing_left;
  const char* const wrong = rsb_unit_c11();
  if (wrong != nullptr) FAIL_CHECK(doctest::String(wrong));
}

TEST_CASE("the header is C17") {
  NothingLeft nothing_left;
  const char* const wrong = rsb_unit_c17();
  if (wrong != nullptr) FAIL_CHECK(doctest::String(wrong));
}

TEST_CASE("the library says the version of its header") {
  constexpr int version = RSB_VERSION;
  char expected[40];
  snprintf(expected, sizeof expected, "%d.%d.%d", version / 10'000, version / 100 % 100,
           version % 100);
  CHECK(strcmp(rsb_version(), expected) == 0);
}

// ---- The standard family
// --------------------------------------------------------------------------

TEST_CASE("malloc: aligned to a pointer, and as any object from 16 bytes up") {
  NothingLeft nothing_left;
  for (const size_t size : some_sizes) {
    void* const block = rsb_malloc(size);
    CAPTURE(size);
    REQUIRE(block != nullptr);
    CHECK(is_aligned(opaque(block), sizeof(void*)));
    if (size >= 16) CHECK(is_aligned(opaque(block), malloc_alignment()));
    CHECK(is_aligned(opaque(block), rsb::larger(rsb::assumed_malloc_alignment, 1)));
    CHECK(rsb_malloc_usable_size(block) >= size);
    support::fill(block, rsb_malloc_usable_size(block), 0xff);
    rsb_free(block);
  }
}

TEST_CASE("malloc(0), calloc(0, n) and realloc(null, 0) give unique pointers") {
  NothingLeft nothing_left;
  void* const p[] = {rsb_malloc(0),     rsb_malloc(0),           rsb_calloc(0, 8),
                     rsb_calloc(8, 0),  rsb_realloc(nullptr, 0), rsb_aligned_alloc(8, 0),
                     rsb_memalign(8, 0)};
  for (size_t i = 0; i < 7; i++) {
    REQUIRE(p[i] != nullptr);
    for (size_t j = 0; j < i; j++) CHECK(p[i] != p[j]);
  }
  for (void* block : p) rsb_free(block);
}

TEST_CASE("calloc: zero to the last usable byte, also in memory that was used") {
  NothingLeft nothing_left;
  for (int round = 0; round < 3; round++) {
    for (const size_t size : some_sizes) {
      void* const block = rsb_calloc(size, 1);
      REQUIRE(block != nullptr);
      CHECK(support::holds_only(block, rsb_malloc_usable_size(block), 0));
      support::fill(block, rsb_malloc_usable_size(block), 0xff);
      rsb_free(block);
    }
  }
  void* const block = rsb_calloc(7, 9);
  REQUIRE(block != nullptr);
  CHECK(rsb_malloc_usable_size(block) >= 63);
  CHECK(support::holds_only(block, 63, 0));
  rsb_free(block);
}

TEST_CASE("sizes above PTRDIFF_MAX and products that overflow give null") {
  NothingLeft nothing_left;
  const size_t half = size_t{1} << (sizeof(size_t) * 4);
  for (const size_t size : {SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 2 + 1}) {
    CHECK(rsb_malloc(opaque(size)) == nullptr);
    CHECK(rsb_calloc(1, opaque(size)) == nullptr);
    CHECK(rsb_calloc(opaque(size), 1) == nullptr);
    CHECK(rsb_realloc(nullptr, opaque(size)) == nullptr);
    CHECK(rsb_aligned_alloc(64, opaque(size)) == nullptr);
    CHECK(rsb_memalign(64, opaque(size)) == nullptr);
    CHECK(rsb_valloc(opaque(size)) == nullptr);
    CHECK(rsb_pvalloc(opaque(size)) == nullptr);
    CHECK(rsb_allocate(opaque(size), 8) == nullptr);
    CHECK(rsb_allocate_zeroed(opaque(size), 8) == nullptr);
    CHECK(rsb_reallocate(nullptr, opaque(size), 8) == nullptr);
  }
  CHECK(rsb_calloc(opaque(half), opaque(half)) == nullptr);
  CHECK(rsb_calloc(opaque(half), half + 1) == nullptr);
  CHECK(rsb_calloc(opaque(SIZE_MAX), opaque(SIZE_MAX)) == nullptr);
  CHECK(rsb_calloc(3, opaque(SIZE_MAX / 2)) == nullptr);
  CHECK(rsb_reallocarray(nullptr, opaque(half), half) == nullptr);
  CHECK(rsb_reallocarray(nullptr, opaque(half), half + 1) == nullptr);
}

TEST_CASE("realloc keeps the contents, up to the smaller size") {
  NothingLeft nothing_left;
  for (const size_t from : some_sizes) {
    for (const size_t to : some_sizes) {
      void* block = rsb_malloc(from);
      REQUIRE(block != nullptr);
      support::fill_pattern(block, from, 1);
      block = rsb_realloc(block, to);
      REQUIRE(block != nullptr);
      CHECK(support::holds_pattern(block, rsb::smaller(from, to), 1));
      CHECK(rsb_malloc_usable_size(block) >= to);
      if (to >= 16) CHECK(is_aligned(opaque(block), malloc_alignment()));
      rsb_free_sized(block, to);
    }
  }
}

TEST_CASE("realloc that fails leaves the old block as it was") {
  NothingLeft nothing_left;
  for (const size_t size : some_sizes) {
    void* const block = rsb_malloc(size);
    support::fill_pattern(block, size, 2);
    CHECK(rsb_realloc(block, opaque(SIZE_MAX)) == nullptr);
    CHECK(rsb_realloc(block, opaque(SIZE_MAX / 2 + 1)) == nullptr);
    CHECK(rsb_realloc(block, opaque(SIZE_MAX / 2)) == nullptr);
    CHECK(rsb_reallocarray(block, opaque(SIZE_MAX), 2) == nullptr);
    CHECK(rsb_reallocate(block, opaque(SIZE_MAX), 8) == nullptr);
    CHECK(support::holds_pattern(block, size, 2));
    rsb_free_sized(block, size);
  }
}

TEST_CASE("realloc(null, n) is malloc(n), realloc(p, 0) keeps a block of the smallest size") {
  NothingLeft nothing_left;
  void* block = rsb_realloc(nullptr, 100);
  REQUIRE(block != nullptr);
  block = rsb_realloc(block, 0);
  REQUIRE(block != nullptr);
  CHECK(rsb_malloc_usable_size(block) <=
        (is_small() ? 32 : rsb::larger(8, rsb::assumed_malloc_alignment)));
  rsb_free_sized(block, 0);
  block = rsb_reallocarray(nullptr, 10, 10);
  REQUIRE(block != nullptr);
  CHECK(rsb_malloc_usable_size(block) >= 100);
  rsb_free(block);
}

TEST_CASE("aligned_alloc: any size, any power of two; null for all others") {
  NothingLeft nothing_left;
  for (size_t alignment = 1; alignment <= 8 * KiB; alignment *= 2) {
    for (const size_t size : some_sizes) {
      void* const block = rsb_aligned_alloc(alignment, size);
      CAPTURE(alignment);
      CAPTURE(size);
      REQUIRE(block != nullptr);
      CHECK(is_aligned(opaque(block), alignment));
      CHECK(is_aligned(opaque(block), sizeof(void*)));
      support::fill(block, size, 0xff);
      rsb_free_aligned_sized(block, alignment, size);
    }
  }
  for (const size_t wrong :
       {size_t{0}, size_t{3}, size_t{6}, size_t{24}, size_t{1'000}, SIZE_MAX}) {
    CHECK(rsb_aligned_alloc(opaque(wrong), 64) == nullptr);
  }
}

TEST_CASE("memalign: an alignment that is no power of two is rounded up to one") {
  NothingLeft nothing_left;
  const size_t asked[] = {0, 1, 3, 5, 8, 9, 24, 33, 100, 1'000, 4'000};
  const size_t given[] = {1, 1, 4, 8, 8, 16, 32, 64, 128, 1'024, 4'096};
  for (size_t i = 0; i < 11; i++) {
    void* const blocks[3] = {rsb_memalign(asked[i], 8), rsb_memalign(asked[i], 100),
                             rsb_memalign(asked[i], 5'000)};
    for (void* block : blocks) {
      REQUIRE(block != nullptr);
      CHECK(is_aligned(opaque(block), given[i]));
      rsb_free(block);
    }
  }
  CHECK(rsb_memalign(opaque(SIZE_MAX), 8) == nullptr);
  CHECK(rsb_memalign(opaque(SIZE_MAX / 2 + 2), 8) == nullptr);
}

TEST_CASE("posix_memalign: 0 and a block, or an error and nothing touched") {
  NothingLeft nothing_left;
  char mark;
  for (size_t alignment = sizeof(void*); alignment <= 8 * KiB; alignment *= 2) {
    void* block = &mark;
    CHECK(rsb_posix_memalign(&block, alignment, 100) == 0);
    CHECK(block != &mark);
    CHECK(is_aligned(opaque(block), alignment));
    rsb_free(block);
  }
  const size_t wrong[] = {0, 1, 2, sizeof(void*) / 2, 3, 12, 24, sizeof(void*) * 3, SIZE_MAX};
  for (const size_t alignment : wrong) {
    void* block = &mark;
    CHECK(rsb_posix_memalign(&block, alignment, 100) == 22);
    CHECK(block == &mark);
  }
  for (const size_t size : {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 2}) {
    void* block = &mark;
    CHECK(rsb_posix_memalign(&block, 64, size) == 12);
    CHECK(block == &mark);
  }
  void* block = &mark;
  CHECK(rsb_posix_memalign(&block, 64, 0) == 0);
  CHECK(block != nullptr);
  CHECK(block != &mark);
  rsb_free(block);
}

TEST_CASE("valloc is aligned to the page, pvalloc also rounds the size up to whole pages") {
  NothingLeft nothing_left;
  const size_t page = is_small() ? 256 : rsb_page_size();
  CHECK(rsb::is_power_of_two(page));
  for (const size_t size : {size_t{0}, size_t{1}, page - 1, page, page + 1, 3 * page}) {
    void* const v = rsb_valloc(size);
    void* const p = rsb_pvalloc(size);
    REQUIRE((v != nullptr && p != nullptr));
    CHECK(is_aligned(opaque(v), page));
    CHECK(is_aligned(opaque(p), page));
    CHECK(rsb_malloc_usable_size(v) >= size);
    const size_t rounded = (rsb::larger(size, 1) + page - 1) / page * page;
    CHECK(rsb_malloc_usable_size(p) >= rounded);
    support::fill(p, rounded, 0xff);
    rsb_free(v);
    rsb_free(p);
  }
  CHECK(rsb_pvalloc(opaque(SIZE_MAX - page / 2)) == nullptr);
}

TEST_CASE("null is allowed everywhere and does nothing") {
  NothingLeft nothing_left;
  rsb_free(nullptr);
  rsb_free_sized(nullptr, 10);
  rsb_free_aligned_sized(nullptr, 16, 10);
  rsb_deallocate(nullptr, 10, 4);
  rsb_page_free(nullptr);
  CHECK(rsb_malloc_usable_size(nullptr) == 0);
  CHECK(rsb_page_resize(nullptr, 1) == 0);
}

TEST_CASE("free_sized takes the size last asked of malloc, calloc or realloc") {
  NothingLeft nothing_left;
  for (const size_t size : some_sizes) {
    rsb_free_sized(rsb_malloc(size), size);
    rsb_free_sized(rsb_calloc(size, 1), size);
    void* block = rsb_malloc(100);
    block = rsb_realloc(block, size);
    rsb_free_sized(block, size);
  }
}

TEST_CASE("the whole family can be released by free") {
  NothingLeft nothing_left;
  void* aligned = nullptr;
  CHECK(rsb_posix_memalign(&aligned, 64, 100) == 0);
  rsb_free(aligned);
  rsb_free(rsb_aligned_alloc(256, 10));
  rsb_free(rsb_memalign(256, 10));
  rsb_free(rsb_valloc(10));
  rsb_free(rsb_pvalloc(10));
  rsb_free(rsb_allocate(4, 4));
  rsb_free(rsb_allocate(20'000, 4'096));
}

TEST_CASE("realloc takes what aligned_alloc gave, and the other way round") {
  NothingLeft nothing_left;
  for (size_t alignment = 8; alignment <= 8 * KiB; alignment *= 2) {
    void* block = rsb_aligned_alloc(alignment, 200);
    support::fill_pattern(block, 200, 3);
    block = rsb_realloc(block, 5'000);
    REQUIRE(block != nullptr);
    CHECK(support::holds_pattern(block, 200, 3));
    block = rsb_reallocate(block, 300, alignment);
    REQUIRE(block != nullptr);
    CHECK(is_aligned(opaque(block), alignment));
    CHECK(support::holds_pattern(block, 200, 3));
    rsb_deallocate(block, 300, alignment);
  }
}

// ---- Size and alignment known
// ---------------------------------------------------------------------

TEST_CASE("allocate(4, 4) costs 4 bytes, and alignments 0 and 1 mean none") {
  if (is_small()) return;  // a word and 8 bytes, or a slot of 8
  NothingLeft nothing_left;
  void* const four = rsb_allocate(4, 4);
  CHECK(rsb_malloc_usable_size(four) == 4);
  rsb_deallocate(four, 4, 4);
  for (const size_t alignment : {size_t{0}, size_t{1}}) {
    void* const one = rsb_allocate(1, alignment);
    CHECK(rsb_malloc_usable_size(one) == 4);
    rsb_deallocate(one, 1, alignment);
    void* const twelve = rsb_allocate(12, alignment);
    CHECK(rsb_malloc_usable_size(twelve) == 16);
    rsb_deallocate(twelve, 12, alignment);
  }
}

TEST_CASE("allocate_zeroed is zero to the last usable byte, and aligned") {
  NothingLeft nothing_left;
  for (int round = 0; round < 2; round++) {
    for (const size_t size : some_sizes) {
      for (size_t alignment = 1; alignment <= 4 * KiB; alignment *= 8) {
        void* const block = rsb_allocate_zeroed(size, alignment);
        REQUIRE(block != nullptr);
        CHECK(is_aligned(opaque(block), alignment));
        CHECK(support::holds_only(block, rsb_malloc_usable_size(block), 0));
        support::fill(block, rsb_malloc_usable_size(block), 0xff);
        rsb_deallocate(block, size, alignment);
      }
    }
  }
}

// ---- The page-only allocator
// ----------------------------------------------------------------------

TEST_CASE("a small heap has no page runs") {
  if (!is_small()) return;
  NothingLeft nothing_left;
  CHECK(rsb_page_allocate(1, 0) == nullptr);
  void* const block = rsb_malloc(100);
  CHECK(rsb_page_resize(block, 1) == 0);
  CHECK(fault_of([&] { rsb_page_free(block); }) == RSB_FOREIGN_POINTER);
  rsb_free(block);
}

TEST_CASE("page runs: aligned, resizable in place, released by their start") {
  if (is_small()) return;
  NothingLeft nothing_left;
  const size_t page = rsb_page_size();
  char* const run = static_cast<char*>(rsb_page_allocate(2, 0));
  REQUIRE(run != nullptr);
  CHECK(is_aligned(opaque(run), page));
  support::fill_pattern(run, 2 * page, 1);
  CHECK(rsb_page_resize(run, 0) == 0);
  CHECK(rsb_page_resize(run, 1) != 0);
  if (rsb_page_resize(run, 2) != 0) support::fill_pattern(run, 2 * page, 1);
  CHECK(support::holds_pattern(run, page, 1));
  CHECK(rsb_page_resize(run, SIZE_MAX / 2) == 0);
  rsb_page_free(run);
  for (size_t alignment = 1; alignment <= 4 * page; alignment *= 2) {
    void* const aligned = rsb_page_allocate(1, alignment);
    REQUIRE(aligned != nullptr);
    CHECK(is_aligned(opaque(aligned), alignment));
    rsb_page_free(aligned);
  }
  CHECK(rsb_page_allocate(0, 0) == nullptr);
  CHECK(rsb_page_allocate(SIZE_MAX, 0) == nullptr);
  CHECK(rsb_page_allocate(SIZE_MAX / page + 2, 0) == nullptr);
}

TEST_CASE("a page run is released by page_free and by nothing else") {
  if (is_small()) return;
  NothingLeft nothing_left;
  void* const run = rsb_page_allocate(1, 0);
  void* const block = rsb_malloc(100);
  CHECK(fault_of([&] { rsb_free(run); }) == RSB_FOREIGN_POINTER);
  CHECK(fault_of([&] { rsb_page_free(block); }) == RSB_FOREIGN_POINTER);
  rsb_page_free(run);
  rsb_free(block);
}

TEST_CASE("a region becomes allocatable for good") {
  NothingLeft nothing_left;
  static char region[96 * KiB];
  rsb_stats before, after;
  rsb_get_stats(&before);
  const size_t got = rsb_add_region(region + 5, sizeof region - 5);
  rsb_get_stats(&after);
  CHECK(got != 0);
  if (!is_small()) CHECK(got % rsb_page_size() == 0);
  CHECK(after.acquired_bytes == before.acquired_bytes + got);
  CHECK(rsb_add_region(region, 0) == 0);
  static char tiny[16];
  CHECK(rsb_add_region(tiny, sizeof tiny) == 0);
}

// ---- What the heap knows about itself
// -------------------------------------------------------------

TEST_CASE("statistics follow the blocks") {
  NothingLeft nothing_left;
  rsb_stats a, b, c;
  rsb_get_stats(&a);
  void* const small = rsb_allocate(100, 1);
  void* const large = rsb_allocate(40'000, 1);
  rsb_get_stats(&b);
  CHECK(b.live_blocks == a.live_blocks + 2);
  CHECK(b.live_bytes ==
        a.live_bytes + rsb_malloc_usable_size(small) + rsb_malloc_usable_size(large));
  CHECK(b.acquired_bytes == b.used_bytes + b.free_bytes);
  CHECK(b.peak_used_bytes >= (is_small() ? 0 : b.used_bytes));
  CHECK(b.peak_acquired_bytes >= b.acquired_bytes);
  CHECK(b.failures == a.failures);
  CHECK(rsb_malloc(opaque(SIZE_MAX)) == nullptr);
  rsb_get_stats(&c);
  CHECK(c.failures == b.failures + 1);
  rsb_free(small);
  rsb_free(large);
}

TEST_CASE("bins are numbered in ascending order of slot size, and there is an end") {
  NothingLeft nothing_left;
  rsb_stats stats;
  rsb_get_stats(&stats);
  CHECK((is_small() ? stats.bins == 0 : stats.bins > 10));
  void* const block = rsb_malloc(16);
  size_t previous = 0;
  for (size_t bin = 0; bin < stats.bins; bin++) {
    rsb_bin_stats s;
    REQUIRE(rsb_get_bin_stats(bin, &s) != 0);
    CHECK(s.slot_bytes > previous);
    CHECK(s.live <= s.slots);
    CHECK(s.slots >= s.spans);
    if (s.slot_bytes == 16) CHECK(s.live >= 1);
    previous = s.slot_bytes;
  }
  rsb_bin_stats s;
  CHECK(rsb_get_bin_stats(stats.bins, &s) == 0);
  CHECK(rsb_get_bin_stats(SIZE_MAX, &s) == 0);
  rsb_free(block);
}

TEST_CASE("a walk passes every live block and the context, and stops at 0") {
  NothingLeft nothing_left;
  struct Search {
    void* wanted;
    size_t bytes;
    int found;
    size_t visited;
  };
  const auto visit = [](void* block, size_t bytes, void* context) {
    Search& search = *static_cast<Search*>(context);
    search.visited++;
    if (block == search.wanted && bytes == search.bytes) search.found++;
    return 1;
  };
  void* const small = rsb_malloc(100);
  void* const large = rsb_malloc(40'000);
  for (void* block : {small, large}) {
    Search search{block, rsb_malloc_usable_size(block), 0, 0};
    CHECK(rsb_walk(visit, &search) == 1);
    CHECK(search.found == 1);
    rsb_stats stats;
    rsb_get_stats(&stats);
    CHECK(search.visited == stats.live_blocks);
  }
  int visited = 0;
  CHECK(rsb_walk(
            [](void*, size_t, void* context) {
              ++*static_cast<int*>(context);
              return 0;
            },
            &visited) == 0);
  CHECK(visited == 1);
  rsb_free(small);
  rsb_free(large);
}

TEST_CASE("check is null for a sound heap, and a sentence for a damaged one") {
  if (is_small())
    return;  // the links of its blocks are addresses: a look at damaged ones may crash
  CHECK(rsb_check() == nullptr);
  void* const keep = rsb_malloc(48);
  char* const freed = static_cast<char*>(rsb_malloc(48));
  rsb_free(freed);
  CHECK(rsb_check() == nullptr);
  const char before = freed[2];
  freed[2] = static_cast<char>(before ^ 1);
  CHECK(rsb_check() != nullptr);
  freed[2] = before;
  CHECK(rsb_check() == nullptr);
  rsb_free(keep);
}

TEST_CASE("check sees what was written to the end of a small heap's free block") {
  if (!is_small()) return;
  char* const block = static_cast<char*>(opaque(rsb_malloc(100)));
  void* const keep = rsb_malloc(48);
  char* const last = block + rsb_malloc_usable_size(block) - 1;
  rsb_free(block);
  CHECK(rsb_check() == nullptr);
  *last = static_cast<char>(*last ^ 0x40);
  CHECK(rsb_check() != nullptr);
  *last = static_cast<char>(*last ^ 0x40);
  CHECK(rsb_check() == nullptr);
  rsb_free(keep);
}

// ---- What a small heap answers besides
// ------------------------------------------------------------

TEST_CASE("an address in a block may be the heap's, null is not, nor what is elsewhere") {
  NothingLeft nothing_left;
  char* const block = static_cast<char*>(rsb_malloc(100));
  int local = 0;
  CHECK(rsb_may_own(block) != 0);
  CHECK(rsb_may_own(block + 50) != 0);
  if (is_small()) CHECK(rsb_may_own(&local) == 0);
  CHECK(rsb_may_own(nullptr) == 0);
  rsb_free(block);
}

TEST_CASE("no region of a heap with pages is extended or shrunk") {
  if (is_small()) return;
  NothingLeft nothing_left;
  static char region[96 * KiB];
  REQUIRE(rsb_add_growing_region(region, sizeof region / 2, sizeof region) != 0);
  const size_t acquired = support::stats().acquired_bytes;
  CHECK(rsb_extend_region(region, sizeof region / 2) == 0);
  CHECK(rsb_shrink_region(region, 0) == 0);
  CHECK(support::stats().acquired_bytes == acquired);
}

TEST_CASE("a small heap says how much is free, and how little it was") {
  if (!is_small()) return;
  NothingLeft nothing_left;
  const size_t free = rsb_free_bytes();
  CHECK(free == support::stats().free_bytes);
  rsb_reset_least_free_bytes();
  CHECK(rsb_least_free_bytes() == free);
  void* const block = rsb_malloc(1'000);
  const size_t less = rsb_free_bytes();
  CHECK(less <= free - 1'000);
  CHECK(less > free - 1'100);
  rsb_free(block);
  CHECK(rsb_free_bytes() == free);
  CHECK(rsb_least_free_bytes() == less);
  rsb_reset_least_free_bytes();
  CHECK(rsb_least_free_bytes() == free);
}

TEST_CASE("a small heap says the largest request, and in how many pieces it is free") {
  if (!is_small()) return;
  NothingLeft nothing_left;
  void* blocks[6];
  for (void*& block : blocks) block = rsb_malloc(200);
  const size_t pieces = rsb_free_blocks();
  rsb_free(blocks[1]);
  rsb_free(blocks[3]);
  CHECK(rsb_free_blocks() == pieces + 2);
  const size_t largest = rsb_largest_request();
  CHECK(largest == support::stats().longest_run_bytes);
  void* const block = rsb_malloc(largest);
  CHECK(block != nullptr);
  CHECK(rsb_largest_request() < largest);
  rsb_free(block);
  for (const size_t i : {size_t{0}, size_t{2}, size_t{4}, size_t{5}}) rsb_free(blocks[i]);
  CHECK(rsb_free_blocks() <= pieces);
}

TEST_CASE("a small heap finds the block that an address points into") {
  if (!is_small()) return;
  NothingLeft nothing_left;
  char* const block = static_cast<char*>(rsb_malloc(100));
  char* const freed = static_cast<char*>(rsb_malloc(100));
  void* const keep = rsb_malloc(100);
  int local = 0;
  for (size_t i = 0; i < 100; i++) CHECK(rsb_block_with(block + i) == block);
  rsb_free(freed);
  CHECK(rsb_block_with(freed + 50) == nullptr);
  CHECK(rsb_block_with(&local) == nullptr);
  CHECK(rsb_block_with(nullptr) == nullptr);
  rsb_free(block);
  rsb_free(keep);
}

TEST_CASE("an address is described") {
  NothingLeft nothing_left;
  char* const block = static_cast<char*>(rsb_malloc(100));
  rsb_description description;
  CHECK(rsb_describe(block + 7, &description) != 0);
  CHECK(description.state == RSB_BLOCK_LIVE);
  CHECK(description.block == block);
  CHECK(description.size == rsb_malloc_usable_size(block));
  CHECK(description.offset == 7);
  CHECK((description.slot_bytes == 0) == is_small());
  CHECK((description.run == nullptr) == is_small());
  rsb_free(block);
  int local = 0;
  CHECK(rsb_describe(&local, &description) == 0);
  CHECK(description.state == RSB_NO_BLOCK);
  CHECK(description.block == nullptr);
  CHECK(rsb_describe(nullptr, &description) == 0);
}

// ---- Failure
// --------------------------------------------------------------------------------------

TEST_CASE("each misuse is reported by its kind, and harms nothing") {
  NothingLeft nothing_left;
  char* const block = static_cast<char*>(rsb_malloc(100));
  char* const freed = static_cast<char*>(rsb_malloc(100));
  char* const large = static_cast<char*>(rsb_malloc(50'000));
  int local = 0;
  support::fill(block, 100, 0xff);  // a small heap looks there for what tells of a block
  support::fill(large, 100, 0xff);
  rsb_free(freed);
  CHECK(fault_of([&] { rsb_free(freed); }) == RSB_DOUBLE_FREE);
  CHECK(support::fault_address() == freed);
  CHECK(fault_of([&] { support::drop(rsb_realloc(freed, 10)); }) == RSB_DOUBLE_FREE);
  CHECK(fault_of([&] { rsb_free(&local); }) == RSB_FOREIGN_POINTER);
  CHECK(fault_of([&] { support::drop(rsb_malloc_usable_size(&local)); }) == RSB_FOREIGN_POINTER);
  CHECK(fault_of([&] { rsb_free(block + 16); }) == RSB_INTERIOR_POINTER);
  CHECK(fault_of([&] { rsb_free(large + 16); }) == RSB_INTERIOR_POINTER);
  CHECK(fault_of([&] { rsb_free(block + 1); }) == RSB_MISALIGNED_POINTER);
  CHECK(fault_of([&] { rsb_free_sized(block, 500); }) == RSB_SIZE_MISMATCH);
  CHECK(fault_of([&] { rsb_free_aligned_sized(block, 16, 500); }) == RSB_SIZE_MISMATCH);
  CHECK(fault_of([&] { rsb_deallocate(block, 4, 4); }) == RSB_SIZE_MISMATCH);
  CHECK(fault_of([&] { rsb_deallocate(large, 10'000'000, 1); }) == RSB_SIZE_MISMATCH);
  if (!is_small()) {
    CHECK(rsb_check() == nullptr);  // from here on it lies in no cache
    const char before = freed[0];
    freed[0] = static_cast<char>(before + 1);
    CHECK(fault_of([&] { support::drop(rsb_malloc(100)); }) == RSB_OVERWRITTEN_LINK);
    freed[0] = before;
  }
  rsb_free(block);
  rsb_free(large);
}

TEST_CASE("every kind has a sentence, unknown ones too") {
  for (int kind = 0; kind <= RSB_DAMAGED_DESCRIPTOR + 1; kind++) {
    const char* const name = rsb_fault_name(static_cast<rsb_fault_kind>(kind));
    REQUIRE(name != nullptr);
    CHECK(name[0] != '\0');
  }
}

TEST_CASE("the out-of-memory handler is told the size and asked until it gives up") {
  static int calls;
  static size_t told;
  calls = 0;
  const auto handler = [](size_t bytes) {
    told = bytes;
    return ++calls < 3 ? 1 : 0;
  };
  CHECK((rsb_set_out_of_memory_handler(handler) == nullptr));
  CHECK(rsb_malloc(opaque(SIZE_MAX / 2)) == nullptr);
  CHECK(calls == 3);
  CHECK(told == SIZE_MAX / 2);
  CHECK((rsb_set_out_of_memory_handler(nullptr) == +handler));
  CHECK(rsb_malloc(opaque(SIZE_MAX / 2)) == nullptr);
  CHECK(calls == 3);
}

TEST_CASE("trim gives back what is free, and what is live stays") {
  NothingLeft nothing_left;
  void* const keep = rsb_malloc(100);
  support::fill_pattern(keep, 100, 1);
  for (int i = 0; i < 3; i++) {
    void* const large = rsb_malloc(60'000);
    support::fill(large, 60'000, 0xff);
    rsb_free(large);
    rsb_trim();
    CHECK(rsb_trim() == 0);  // nothing is left to give
  }
  CHECK(support::holds_pattern(keep, 100, 1));
  rsb_free(keep);
}

TEST_CASE("what is allocated and released without waiting is like all else") {
  NothingLeft nothing_left;
  rsb_free(rsb_malloc(100));  // so that there are pages
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}}) {
    void* const block = rsb_malloc_nowait(size);
    REQUIRE(block != nullptr);
    CHECK(rsb_malloc_usable_size(block) >= size);
    support::fill(block, size, 0xff);
    rsb_free(block);
    void* const aligned = rsb_aligned_alloc_nowait(256, size);
    REQUIRE(aligned != nullptr);
    CHECK(is_aligned(aligned, 256));
    rsb_free_nowait(aligned);
  }
  CHECK(rsb_malloc_nowait(opaque(SIZE_MAX)) == nullptr);
  CHECK(rsb_aligned_alloc_nowait(opaque(size_t{3}), 16) == nullptr);
  const size_t waiting = support::stats().deferred_blocks;
  void* const blocks[] = {rsb_malloc(24), rsb_calloc(1, 60'000), rsb_allocate(4, 4)};
  for (void* block : blocks) rsb_free_nowait(block);
  rsb_free_nowait(nullptr);
  CHECK(support::stats().deferred_blocks > waiting);
  rsb_trim();
  CHECK(support::stats().deferred_blocks == 0);
}
