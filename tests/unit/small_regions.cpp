// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance as a small heap over memory handed over by address. This program is compiled
// with core/api/c_api.cpp of its own.
#include <errno.h>

#include "rsb/internal/machine/bits.hpp"
#include "rsb/rsb.h"
#include "support/built_instance.hpp"
#include "support/taken_blocks.hpp"

using namespace rsb;
using support::blocks;
using support::count;
using support::lies_in;
using support::opaque;
using support::release_all;
using support::stats;

// What rsb::libc defines elsewhere.
extern "C" int* rsb_errno() noexcept {
  return &errno;
}

namespace {

char tiny[100];  // too small: passed over
char first[16 * KiB];
char second[8 * KiB];
char late[8 * KiB];

// Blocks of 1 KiB.
constexpr auto take_all = support::take_all<1 * KiB>;

size_t freed = 0;
int free_one(size_t) {
  if (freed == 3 || count == 0) return 0;
  rsb_free(blocks[--count]);
  freed++;
  return 1;
}

}  // namespace

// The first one is no end of the table, and too small.
extern "C" const rsb_region rsb_regions[] = {{nullptr, 100},
                                             {tiny, sizeof tiny},
                                             {first, sizeof first},
                                             {second, sizeof second},
                                             {nullptr, 0}};

TEST_CASE("regions known at build time are added when memory lacks, one after the other") {
  CHECK(stats().acquired_bytes == 0);
  CHECK(rsb_malloc_nowait(10) == nullptr);  // which asks nobody
  errno = 0;
  void* const block = rsb_malloc(10);
  REQUIRE(block != nullptr);
  CHECK(lies_in(block, first, sizeof first));
  CHECK(stats().acquired_bytes > sizeof first * 9 / 10);
  CHECK(stats().acquired_bytes < sizeof first);
  CHECK(errno == 0);
  rsb_free(block);
  CHECK(take_all(second, sizeof second) == 7);
  CHECK(stats().acquired_bytes > sizeof first);
  CHECK(rsb_check() == nullptr);
  release_all();
  CHECK(stats().live_blocks == 0);
}

TEST_CASE("an allocation that fails says so in errno, and is counted") {
  take_all(first, sizeof first);
  const auto fails = [](void* block) {
    CHECK(block == nullptr);
    CHECK(errno == ENOMEM);
    errno = 0;
    static size_t counted = stats().failures - 1;
    CHECK(stats().failures == ++counted);
  };
  errno = 0;
  fails(rsb_malloc(2'000));
  fails(rsb_malloc(opaque(SIZE_MAX)));
  fails(rsb_calloc(2, 1'000));
  fails(rsb_calloc(opaque(SIZE_MAX), 2));
  fails(rsb_realloc(blocks[0], 20'000));
  fails(rsb_aligned_alloc(64, 2'000));
  fails(rsb_valloc(2'000));
  fails(rsb_pvalloc(2'000));
  fails(rsb_allocate(2'000, 4));
  fails(rsb_reallocate(blocks[0], 2'000, 64));
  CHECK(rsb_aligned_alloc(opaque(size_t{3}), 10) == nullptr);
  CHECK(errno == EINVAL);
  errno = EDOM;
  CHECK(rsb_malloc_nowait(2'000) == nullptr);
  void* const smaller = rsb_realloc(blocks[0], 10);
  CHECK(smaller == blocks[0]);
  release_all();
  CHECK(errno == EDOM);
}

TEST_CASE("what slots become smaller in a full heap fails nobody") {
  void* slots[30];
  for (void*& slot : slots) slot = rsb_malloc(64);
  take_all(first, sizeof first);
  while (count < 64 && (blocks[count] = rsb_malloc(1)) != nullptr) count++;
  const size_t failures = stats().failures;
  errno = EDOM;
  for (void*& slot : slots) CHECK((slot = rsb_realloc(slot, 40)) != nullptr);
  CHECK(errno == EDOM);
  CHECK(stats().failures == failures);
  for (void* slot : slots) rsb_free_sized(slot, 40);
  release_all();
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("the out-of-memory handler may free something, without the lock") {
  freed = 0;
  CHECK((rsb_set_out_of_memory_handler(free_one) == nullptr));
  take_all(first, sizeof first);
  CHECK(freed == 3);
  CHECK((rsb_set_out_of_memory_handler(nullptr) == free_one));
  release_all();
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("what waits to be taken over is had before an allocation fails") {
  take_all(first, sizeof first);
  void* const last = blocks[--count];
  rsb_free_nowait(last);
  CHECK(stats().deferred_blocks == 1);
  CHECK(rsb_malloc(1 * KiB) == last);
  blocks[count++] = last;
  release_all();
}

TEST_CASE("a region can be added at run time, and taken out again once it is empty") {
  const size_t got = rsb_add_region(late, sizeof late);
  CHECK(got > sizeof late * 9 / 10);
  CHECK(take_all(late, sizeof late) == 7);
  CHECK(rsb_remove_region(late, sizeof late) == 0);
  release_all();
  const size_t acquired = stats().acquired_bytes;
  CHECK(rsb_remove_region(late, sizeof late) == got);
  CHECK(stats().acquired_bytes == acquired - got);
  support::fill(late, sizeof late, 0xff);
  CHECK(take_all(late, sizeof late) == 0);
  CHECK(rsb_remove_region(first, sizeof first) == 0);  // it has the lists
  release_all();
  CHECK(rsb_trim() == 0);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("a region grows at its end, and what is free there can be had back") {
  const size_t half = sizeof late / 2;
  REQUIRE(rsb_add_growing_region(late, half, sizeof late) != 0);
  const size_t acquired = stats().acquired_bytes;
  CHECK(rsb_extend_region(late + 1, half) == 0);
  const size_t more = rsb_extend_region(late, half);
  CHECK(more == half);
  CHECK(stats().acquired_bytes == acquired + more);
  CHECK(take_all(late, sizeof late) == 7);
  CHECK(rsb_shrink_region(late, 0) < 1 * KiB);
  release_all();
  CHECK(rsb_check() == nullptr);
  CHECK(rsb_shrink_region(late + 1, 0) == 0);
  const size_t got = rsb_shrink_region(late, 2 * KiB);
  CHECK(got > 4 * KiB);
  CHECK(got < 6 * KiB);
  support::fill(late + sizeof late - got, got, 0xff);
  CHECK(take_all(late, sizeof late - got) <= 2);
  CHECK(rsb_check() == nullptr);
  release_all();
  CHECK(rsb_remove_region(late, sizeof late - got) != 0);
}

TEST_CASE("a heap begun anew has all of its memory") {
  take_all(first, sizeof first);
  count = 0;  // which forgets them
  rsb_free_nowait(rsb_malloc(10));
  rsb_clear();
  CHECK(rsb_check() == nullptr);
  CHECK(stats().live_blocks == 0);
  CHECK(stats().deferred_blocks == 0);
  CHECK(rsb_free_blocks() == 2);  // the top, and the other region
  CHECK(rsb_largest_request() > sizeof first * 9 / 10);
  void* const block = rsb_malloc(10);
  CHECK(rsb_block_with(block) == block);
  rsb_free(block);
}

TEST_CASE("the statistics add up") {
  const rsb_stats empty = stats();
  CHECK(empty.used_bytes == 0);
  CHECK(empty.longest_run_bytes > sizeof first * 9 / 10);
  CHECK(empty.longest_run_bytes < sizeof first);
  CHECK(empty.metadata_bytes > 0);
  CHECK(empty.metadata_bytes + empty.acquired_bytes <= sizeof first + sizeof second);
  void* const block = rsb_malloc(empty.largest_block_bytes);
  CHECK(block != nullptr);
  const rsb_stats s = stats();
  CHECK(s.live_blocks == 1);
  CHECK(s.used_bytes >= s.live_bytes);
  CHECK(s.used_bytes + s.free_bytes == s.acquired_bytes);
  CHECK(s.acquired_bytes == empty.acquired_bytes);
  CHECK(s.largest_block_bytes < sizeof second);
  rsb_free(block);
}
