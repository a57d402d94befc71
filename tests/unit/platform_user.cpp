// SPDX-License-Identifier: MIT OR Apache-2.0
// platform/user: the built instance over two functions that the user defines. This program is
// compiled with the platform's headers and core/api/c_api.cpp of its own.
#include "rsb/internal/machine/bits.hpp"
#include "rsb/rsb.h"
#include "support/built_instance.hpp"
#include "support/scripted_pages.hpp"

using namespace rsb;
using support::stats;

namespace {

constexpr size_t arena_bytes = 2 * MiB;
constinit support::ScriptedPages source;
char arena[arena_bytes];

void serve() {
  source.serve_from(arena, arena_bytes);
}

}  // namespace

extern "C" void* rsb_pages_acquire(size_t bytes, size_t alignment) {
  return source.acquire(bytes, alignment);
}
extern "C" void rsb_pages_release(void* base, size_t bytes) {
  source.release(base, bytes);
}

namespace {

unsigned times_asked;
bool is_asked_first = true;
size_t blocks_handed_out;

void* allocate_and_count(size_t size) {
  void* const block = rsb_malloc(size);
  if (block != nullptr) blocks_handed_out++;
  return block;
}

}  // namespace

extern "C" uint32_t rsb_random() {
  times_asked++;
  is_asked_first &= blocks_handed_out == 0;
  return 0x12345678;
}

TEST_CASE("the user's random number is asked for once, before anything is handed out") {
  serve();
  CHECK(times_asked == 0);
  void* blocks[3];
  size_t size = 10;
  for (void*& block : blocks) {
    block = allocate_and_count(size);
    CHECK(block != nullptr);
    size *= 40;
  }
  CHECK(times_asked == 1);
  CHECK(is_asked_first);
  for (void* const block : blocks) rsb_free(block);
  rsb_trim();
}

TEST_CASE("without memory there is none, and later there is") {
  source.fail_always_after(0);
  CHECK(rsb_malloc(10) == nullptr);
  CHECK(stats().acquired_bytes == 0);
  source.fail_never();
  serve();
  void* const block = rsb_malloc(10);
  CHECK(block != nullptr);
  rsb_free(block);
}

TEST_CASE("blocks come from the user's pages, and pages go back to the user") {
  serve();
  const size_t live = stats().live_blocks;
  void* const small = rsb_malloc(100);
  void* const large = rsb_malloc(300'000);
  REQUIRE((small != nullptr && large != nullptr));
  CHECK(source.holds(small));
  CHECK(source.holds(large));
  CHECK(source.held_bytes() == stats().acquired_bytes + stats().metadata_bytes);
  rsb_free(small);
  rsb_free(large);
  CHECK(rsb_trim() != 0);
  CHECK(stats().acquired_bytes == 0);
  CHECK(source.held_bytes() == stats().metadata_bytes);
  CHECK(stats().live_blocks == live);
  CHECK(source.complaint() == nullptr);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("dirty pages from the user: calloc is zero") {
  serve();
  for (const size_t size : {size_t{10}, size_t{1'000}, size_t{50'000}}) {
    void* const block = rsb_calloc(size, 1);
    REQUIRE(block != nullptr);
    CHECK(support::holds_only(block, size, 0));
    support::fill(block, size, 0xff);
    rsb_free(block);
  }
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("misaligned pages from the user are a fault") {
  serve();
  source.misalign_after(0);
  CHECK(support::fault_of([] { support::drop(rsb_malloc(500'000)); }) == RSB_BAD_PAGES);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("pages that the user gives twice are a fault") {
  serve();
  char* const block = static_cast<char*>(rsb_malloc(200'000));
  REQUIRE(block != nullptr);
  source.answer_next(block);
  CHECK(support::fault_of([] { support::drop(rsb_malloc(200'000)); }) == RSB_BAD_PAGES);
  rsb_free(block);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("the user's functions are asked only for what page_source.hpp says") {
  serve();
  support::Random random(9);
  void* blocks[20] = {};
  for (int i = 0; i < 3'000; i++) {
    void*& block = blocks[random.below(20)];
    rsb_free(block);
    block = rsb_malloc(random.below(size_t{1} << random.below(17)));
  }
  for (void* block : blocks) rsb_free(block);
  CHECK(source.complaint() == nullptr);
  CHECK(rsb_check() == nullptr);
}
