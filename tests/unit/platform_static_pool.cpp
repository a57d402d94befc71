// SPDX-License-Identifier: MIT OR Apache-2.0
// platform/static-pool: the built instance over memory handed over by address. This program is
// compiled with the platform's headers and core/api/c_api.cpp of its own.
#include "rsb/internal/machine/bits.hpp"
#include "rsb/rsb.h"
#include "support/built_instance.hpp"
#include "support/taken_blocks.hpp"

using namespace rsb;
using support::blocks;
using support::count;
using support::lies_in;
using support::release_all;
using support::stats;

namespace {

char first[48 * KiB];
char second[32 * KiB];
char tiny[100];  // too small: passed over
char late[64 * KiB];
alignas(4 * KiB) char pages[6][8 * KiB];   // each with a page to give, and not a span
alignas(4 * KiB) char spans[4][24 * KiB];  // each with a span and a page

// Blocks of a span.
constexpr auto take_all = support::take_all<4 * KiB>;

}  // namespace

// The first one is no end of the table, and too small.
extern "C" const rsb_region rsb_regions[] = {{nullptr, 4 * KiB},
                                             {first, sizeof first},
                                             {tiny, sizeof tiny},
                                             {second, sizeof second},
                                             {pages[0], sizeof pages[0]},
                                             {pages[1], sizeof pages[1]},
                                             {pages[2], sizeof pages[2]},
                                             {pages[3], sizeof pages[3]},
                                             {pages[4], sizeof pages[4]},
                                             {pages[5], sizeof pages[5]},
                                             {nullptr, 0}};

TEST_CASE(
    "regions known at build time are added when memory is first needed, one after the other") {
  CHECK(stats().acquired_bytes == 0);
  void* const block = rsb_malloc(10);
  REQUIRE(block != nullptr);
  CHECK(lies_in(block, first, sizeof first));
  CHECK(stats().acquired_bytes <= sizeof first);
  rsb_free(block);
  CHECK(take_all(second, sizeof second) >= 4);
  CHECK(rsb_malloc(4 * KiB) == nullptr);
  CHECK(stats().acquired_bytes > sizeof first);
  CHECK(rsb_check() == nullptr);
  release_all();
  CHECK(stats().live_blocks == 0);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("a region can be added at run time") {
  const size_t got = rsb_add_region(late, sizeof late);
  CHECK(got >= 48 * KiB);
  CHECK(take_all(late, sizeof late) >= 12);
  release_all();
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("a region can be taken out again once it is empty, and come back") {
  CHECK(rsb_remove_region(second, 100) == 0);
  const size_t acquired = stats().acquired_bytes;
  const size_t got = rsb_remove_region(second, sizeof second);
  REQUIRE(got >= 16 * KiB);
  CHECK(stats().acquired_bytes == acquired - got);
  support::fill(second, sizeof second, 0xff);
  CHECK(take_all(second, sizeof second) == 0);
  CHECK(rsb_remove_region(first, sizeof first) == 0);  // not empty
  CHECK(rsb_add_region(first, sizeof first) != 0);     // so it stays
  release_all();
  CHECK(rsb_add_region(second, sizeof second) == got);
  CHECK(take_all(second, sizeof second) >= 4);
  release_all();
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("there can be any number of regions, at build time and at run time") {
  for (char(&region)[24 * KiB] : spans) CHECK(rsb_add_region(region, sizeof region) == 20 * KiB);
  bool has_served[10] = {};
  void* runs[64];
  size_t taken = 0;
  while (taken < 64 && (runs[taken] = rsb_page_allocate(1, 0)) != nullptr) {
    for (size_t i = 0; i < 6; i++) {
      has_served[i] |= lies_in(runs[taken], pages[i], sizeof pages[i]);
    }
    for (size_t i = 0; i < 4; i++) {
      has_served[6 + i] |= lies_in(runs[taken], spans[i], sizeof spans[i]);
    }
    taken++;
  }
  for (const bool served : has_served) CHECK(served);
  CHECK(rsb_check() == nullptr);
  while (taken != 0) rsb_page_free(runs[--taken]);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("a pool gives nothing back, and all of it can be had again and again") {
  for (int i = 0; i < 3; i++) {
    const size_t acquired = stats().acquired_bytes;
    take_all(late, sizeof late);
    const size_t had = count;
    release_all();
    CHECK(rsb_trim() == 0);
    CHECK(stats().acquired_bytes == acquired);
    take_all(late, sizeof late);
    CHECK(count == had);
    release_all();
  }
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("an exhausted pool gives null for everything but what is free") {
  take_all(late, sizeof late);
  CHECK(rsb_malloc(4 * KiB) == nullptr);
  CHECK(rsb_calloc(100, 1'000) == nullptr);
  CHECK(rsb_realloc(blocks[0], 100'000) == nullptr);
  rsb_free(blocks[--count]);
  void* const block = rsb_malloc(4 * KiB);
  CHECK(block != nullptr);
  rsb_free(block);
  release_all();
  CHECK(rsb_check() == nullptr);
}
