// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/rsb.h on a system with errno and virtual memory.
#include <errno.h>

#include "rsb/internal/machine/bits.hpp"
#include "rsb/rsb.h"
#include "support/built_instance.hpp"
#include "support/virtual_memory.hpp"

using rsb::is_aligned;
using rsb::KiB;
using rsb::MiB;
using support::impossible;
using support::opaque;
using support::stats;

namespace {

// What a program has in errno when nothing has failed.
constexpr int untouched = 4242;

template <class F>
int errno_of(F&& f) {
  errno = untouched;
  f();
  return errno;
}

}  // namespace

TEST_CASE("errno is ENOMEM after every failed allocation, overflow included") {
  const support::NothingLarge nothing_large;
  if (!nothing_large.is_in_force()) {
    MESSAGE("nothing limits the address space in this emulator: only sizes above PTRDIFF_MAX");
  }
  void* const block = rsb_malloc(100);
  for (const size_t size :
       {impossible, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 4'096, SIZE_MAX}) {
    if (size <= PTRDIFF_MAX && !nothing_large.is_in_force()) continue;
    CAPTURE(size);
    CHECK(errno_of([&] { CHECK(rsb_malloc(opaque(size)) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_calloc(opaque(size), 1) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_calloc(opaque(size), 5) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_realloc(block, opaque(size)) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_realloc(nullptr, opaque(size)) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_reallocarray(block, opaque(size), 5) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_reallocarray(block, opaque(size), 1) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_aligned_alloc(64, opaque(size)) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_memalign(64, opaque(size)) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_valloc(opaque(size)) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_pvalloc(opaque(size)) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_allocate(opaque(size), 1) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_allocate_zeroed(opaque(size), 1) == nullptr); }) == ENOMEM);
    CHECK(errno_of([&] { CHECK(rsb_reallocate(block, opaque(size), 1) == nullptr); }) == ENOMEM);
  }
  CHECK(errno_of([&] { CHECK(rsb_aligned_alloc(opaque(SIZE_MAX / 2 + 1), 8) == nullptr); }) ==
        ENOMEM);
  if (nothing_large.is_in_force()) {
    CHECK(errno_of([&] { CHECK(rsb_aligned_alloc(opaque(SIZE_MAX / 4 + 1), 8) == nullptr); }) ==
          ENOMEM);
  }
  rsb_free(block);
}

TEST_CASE("errno is ENOMEM when there are no pages for the page-only allocator") {
  const support::NothingLarge nothing_large;
  if (!nothing_large.is_in_force()) {
    MESSAGE("nothing limits the address space in this emulator: a GiB is not asked for");
  } else {
    CHECK(errno_of([] { CHECK(rsb_page_allocate(impossible / rsb_page_size(), 0) == nullptr); }) ==
          ENOMEM);
  }
  CHECK(errno_of([] { CHECK(rsb_page_allocate(SIZE_MAX, 0) == nullptr); }) == ENOMEM);
}

TEST_CASE("errno is EINVAL when aligned_alloc is asked for no power of two") {
  CHECK(errno_of([] { CHECK(rsb_aligned_alloc(opaque(size_t{24}), 8) == nullptr); }) == EINVAL);
  CHECK(errno_of([] { CHECK(rsb_aligned_alloc(opaque(size_t{0}), 8) == nullptr); }) == EINVAL);
}

TEST_CASE("what succeeds leaves errno alone") {
  const bool pages_move = support::moves_leave_memory();
  if (!pages_move) MESSAGE("this emulator loses what pages leave when they move: none are moved");
  for (const size_t size : {size_t{0}, size_t{8}, 5'000 + size_t{0}, 100 * KiB, 20 * MiB}) {
    if (size > MiB && !pages_move) continue;
    CAPTURE(size);
    CHECK(errno_of([&] {
            void* block = rsb_malloc(size);
            block = rsb_realloc(block, size * 3);
            rsb_free(block);
            block = rsb_calloc(size, 1);
            rsb_free(block);
            block = rsb_aligned_alloc(4 * MiB, size);
            rsb_free(block);
            rsb_page_free(rsb_page_allocate(3, 0));
            rsb_trim();
          }) == untouched);
  }
}

TEST_CASE("every power-of-two alignment up to 4 MiB") {
  for (size_t alignment = 1; alignment <= 4 * MiB; alignment *= 2) {
    for (const size_t size : {size_t{1}, size_t{1'000}, 16 * KiB, 100 * KiB, 17 * MiB}) {
      CAPTURE(alignment);
      CAPTURE(size);
      rsb_trim();
      void* const block = rsb_aligned_alloc(alignment, size);
      REQUIRE(block != nullptr);
      CHECK(is_aligned(opaque(block), alignment));
      rsb_free_aligned_sized(block, alignment, size);
    }
  }
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("blocks of many MiB grow by moving their pages") {
  if (!support::moves_leave_memory()) {
    MESSAGE("this emulator loses what pages leave when they move: nothing to see here");
    return;
  }
  char* block = static_cast<char*>(rsb_malloc(17 * MiB));
  REQUIRE(block != nullptr);
  support::fill_pattern(block, 17 * MiB, 1);
  void* const wall = rsb_malloc(17 * MiB);
  for (size_t size = 20 * MiB; size <= 80 * MiB; size += 20 * MiB) {
    block = static_cast<char*>(rsb_realloc(block, size));
    REQUIRE(block != nullptr);
    CHECK(support::holds_pattern(block, 17 * MiB, 1));
    block[size - 1] = 1;
    CHECK(rsb_check() == nullptr);
  }
  block = static_cast<char*>(rsb_realloc(block, 1'000));
  REQUIRE(block != nullptr);
  CHECK(support::holds_pattern(block, 1'000, 1));
  rsb_free_sized(block, 1'000);
  rsb_free(wall);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("large calloc is zero again and again") {
  for (int i = 0; i < 6; i++) {
    const size_t size = 1 * MiB + static_cast<size_t>(i) * 300 * KiB;
    char* const block = static_cast<char*>(rsb_calloc(size, 1));
    REQUIRE(block != nullptr);
    CHECK(support::holds_only(block, rsb_malloc_usable_size(block), 0));
    support::fill(block, rsb_malloc_usable_size(block), 0xff);
    rsb_free(block);
    if (i == 3) rsb_trim();
  }
}

TEST_CASE("after everything is freed, trim gives all pages back") {
  const rsb_stats before = stats();
  static void* blocks[20'000];
  for (size_t i = 0; i < 20'000; i++) {
    blocks[i] = rsb_malloc(i % 3'000);
    REQUIRE(blocks[i] != nullptr);
  }
  for (void* block : blocks) rsb_free(block);
  rsb_trim();
  const rsb_stats after = stats();
  CHECK(after.live_blocks == before.live_blocks);
  CHECK(after.acquired_bytes <= before.acquired_bytes);
  CHECK(after.acquired_bytes - after.used_bytes == after.free_bytes);
}

// Sanitizers need address space of their own.
#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
#if !SANITIZED
TEST_CASE("memory that is really exhausted: null, ENOMEM, and everything works afterwards") {
  void* const block = rsb_malloc(100);
  support::fill_pattern(block, 100, 1);
  std::optional<support::Scarcity> scarcity(250 * MiB);
  if (!scarcity->is_in_force()) {
    MESSAGE("nothing limits the address space in this emulator: nothing to see here");
    rsb_free(block);
    return;
  }
  // Nothing is checked until the end of scarcity: that may allocate.
  static void* blocks[1'000];
  size_t count = 0;
  errno = untouched;
  while (count < 1'000 && (blocks[count] = rsb_malloc(3 * MiB)) != nullptr) count++;
  const int error = errno;
  // Smaller ones may still be had, until there is nothing at all.
  size_t small = 0;
  while (rsb_malloc(16 * KiB) != nullptr && small < 100'000) small++;
  errno = untouched;
  void* const none = rsb_realloc(block, 1 * MiB);
  const int realloc_error = errno;
  for (size_t i = 0; i < count; i++) rsb_free(blocks[i]);
  void* const again = rsb_malloc(3 * MiB);
  scarcity.reset();
  CHECK(count > 10);
  CHECK(count < 1'000);
  CHECK(error == ENOMEM);
  CHECK(none == nullptr);
  CHECK(realloc_error == ENOMEM);
  CHECK(support::holds_pattern(block, 100, 1));
  CHECK(again != nullptr);
  CHECK(rsb_check() == nullptr);
  rsb_free(again);
  rsb_free(block);
}
#endif
