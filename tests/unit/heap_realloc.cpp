// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/heap.hpp: resizing blocks.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

namespace {

template <class C>
constexpr size_t span_of = C::options.span_size;
template <class C>
constexpr size_t page_of = C::options.page_size;

// The sizes between which blocks are resized: around the borders of classes, spans and pages.
template <class C>
constexpr size_t sizes[] = {0,
                            1,
                            8,
                            9,
                            16,
                            17,
                            100,
                            span_of<C> / 2,
                            span_of<C> / 2 + 1,
                            span_of<C>,
                            span_of<C> + 1,
                            span_of<C> + page_of<C>,
                            2 * span_of<C>,
                            2 * span_of<C> + 1};

}  // namespace

TEST_CASE_TEMPLATE("a resized block has its contents up to the smaller size", C, SUPPORT_WORLDS) {
  for (const size_t from : sizes<C>) {
    for (const size_t to : sizes<C>) {
      World<C> w;
      if (from + to > 100 * KiB) continue;  // the arena is too small
      CAPTURE(from);
      CAPTURE(to);
      void* const block = w.heap.allocate(from);
      REQUIRE(block != nullptr);
      support::fill_pattern(block, from, 3);
      void* const resized = w.heap.reallocate(block, to);
      REQUIRE(resized != nullptr);
      CHECK(support::holds_pattern(resized, smaller(from, to), 3));
      CHECK(w.heap.usable_size(resized) >= to);
      CHECK(is_aligned(support::opaque(resized), to >= 16 ? 16 : sizeof(void*)));
      support::fill(resized, to, 9);
      CHECK(w.stats().live_blocks == 1);
      CHECK_SOUND(w);
      w.heap.deallocate(resized, to);
      CHECK(w.stats().live_blocks == 0);
      CHECK_SOUND(w);
    }
  }
}

TEST_CASE_TEMPLATE("a block resized with an alignment has it", C, SUPPORT_WORLDS) {
  for (const size_t to : sizes<C>) {
    for (size_t alignment = 1; alignment <= 2 * page_of<C>; alignment *= 4) {
      World<C> w;
      if (to + alignment > 64 * KiB) continue;
      CAPTURE(to);
      CAPTURE(alignment);
      void* const block = w.heap.allocate(40, 8);
      REQUIRE(block != nullptr);
      support::fill_pattern(block, 40, 3);
      void* const resized = w.heap.reallocate(block, to, alignment);
      REQUIRE(resized != nullptr);
      CHECK(is_aligned(support::opaque(resized), alignment));
      CHECK(support::holds_pattern(resized, smaller(to, 40), 3));
      w.heap.deallocate(resized, to, alignment);
      CHECK_SOUND(w);
    }
  }
}

TEST_CASE_TEMPLATE("whole pages that lie wrong for an alignment are moved", C, SUPPORT_WORLDS) {
  World<C> w;
  constexpr size_t size = span_of<C> + 1;
  constexpr size_t alignment = 4 * page_of<C>;
  void* blocks[5] = {};
  void* wrong = nullptr;
  for (void*& block : blocks) {
    block = w.heap.allocate(size);
    if (block == nullptr || is_aligned(block, alignment)) continue;
    wrong = block;
    block = nullptr;
    break;
  }
  if (C::options.span_size < support::arena_bytes / 8) REQUIRE(wrong != nullptr);
  if (wrong != nullptr) {
    support::fill_pattern(wrong, size, 3);
    char* const moved = static_cast<char*>(w.heap.reallocate(wrong, size, alignment));
    if (moved != nullptr) {
      CHECK(is_aligned(support::opaque(moved), alignment));
      CHECK(support::holds_pattern(moved, size, 3));
    }
    w.heap.deallocate(moved != nullptr ? moved : wrong);
  }
  for (void* block : blocks) w.heap.deallocate(block);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("resizing null allocates", C, SUPPORT_WORLDS) {
  World<C> w;
  void* const a = w.heap.reallocate(nullptr, 100);
  void* const b = w.heap.reallocate(nullptr, 100, 64);
  REQUIRE((a != nullptr && b != nullptr));
  CHECK(is_aligned(b, 64));
  w.heap.deallocate(a, 100);
  w.heap.deallocate(b, 100, 64);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("an alignment that is no power of two gives null and leaves the block", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(100);
  support::fill_pattern(block, 100, 1);
  CHECK(w.heap.reallocate(block, 200, 24) == nullptr);
  CHECK(support::holds_pattern(block, 100, 1));
  w.heap.deallocate(block, 100);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a resize to 0 keeps a block of the smallest size", C, SUPPORT_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(100);
  void* const resized = w.heap.reallocate(block, 0);
  REQUIRE(resized != nullptr);
  CHECK(w.stats().live_blocks == 1);
  CHECK(w.heap.usable_size(resized) == larger(sizeof(void*), assumed_malloc_alignment));
  w.heap.deallocate(resized, 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a block stays where it is while its class stays the same", C, SUPPORT_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(100);
  const size_t usable = w.heap.usable_size(block);
  for (size_t size = 97; size <= usable; size++) CHECK(w.heap.reallocate(block, size) == block);
  w.heap.deallocate(block);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("whole pages grow and shrink in place while the pages behind are free", C,
                   support::SmallRadix, support::ThreeLevels, support::Firmware, support::Smallest,
                   support::Unchecked) {
  World<C> w;
  const size_t size = span_of<C> + 1;
  char* const block = static_cast<char*>(w.heap.allocate(size));
  REQUIRE(block != nullptr);
  support::fill_pattern(block, size, 5);
  const size_t larger_size = size + 3 * page_of<C>;
  CHECK(w.heap.reallocate(block, larger_size) == block);
  CHECK(support::holds_pattern(block, size, 5));
  support::fill_pattern(block, larger_size, 6);
  CHECK(w.heap.usable_size(block) >= larger_size);
  CHECK(w.heap.reallocate(block, size) == block);
  CHECK(support::holds_pattern(block, size, 6));
  CHECK(w.heap.usable_size(block) < larger_size);
  CHECK_SOUND(w);

  // And move if they are not.
  void* const wall = w.heap.allocate(size);
  REQUIRE(wall == block + align_up(size, static_cast<size_t>(page_of<C>)));
  char* const moved = static_cast<char*>(w.heap.reallocate(block, larger_size));
  REQUIRE(moved != nullptr);
  CHECK(moved != block);
  CHECK(support::holds_pattern(moved, size, 6));
  w.heap.deallocate(moved);
  w.heap.deallocate(wall);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a resize that fails leaves the block as it was", C, SUPPORT_WORLDS) {
  for (const size_t from : sizes<C>) {
    World<C> w;
    void* const block = w.heap.allocate(from);
    if (block == nullptr) continue;
    CAPTURE(from);
    support::fill_pattern(block, from, 4);
    const size_t usable = w.heap.usable_size(block);
    for (const size_t to : {support::arena_bytes + 1, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX}) {
      CHECK(w.heap.reallocate(block, support::opaque(to)) == nullptr);
      CHECK(w.heap.reallocate(block, support::opaque(to), 64) == nullptr);
      CHECK(support::holds_pattern(block, from, 4));
      CHECK(w.heap.usable_size(block) == usable);
      CHECK_SOUND(w);
    }
    CHECK(w.stats().failures == 8);
    w.heap.deallocate(block, from);
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("a block can become smaller even when there is no memory", C,
                   support::SmallRadix, support::ThreeLevels, support::Firmware, support::Smallest,
                   support::Unchecked) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(100));
  support::fill_pattern(block, 100, 8);
  while (w.heap.allocate(span_of<C>) != nullptr) {
  }
  const size_t failures = w.stats().failures;
  void* const smaller_block = w.heap.reallocate(block, 20);
  CHECK(w.stats().failures == failures);  // nothing returned null
  REQUIRE(smaller_block != nullptr);
  CHECK(support::holds_pattern(smaller_block, 20, 8));
  CHECK(w.heap.usable_size(smaller_block) >= 20);
  w.heap.deallocate(smaller_block, 20);  // with the size that it has now
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE(
    "a block that shrinks when there is no memory is still aligned, or null says it is not", C,
    support::SmallRadix, support::ThreeLevels, support::Firmware, support::Smallest,
    support::Unchecked) {
  World<C> w;
  // 48 bytes are aligned to 16: of two neighbours one is not at a multiple of 32.
  char* a = static_cast<char*>(w.heap.allocate(48, 16));
  char* const b = static_cast<char*>(w.heap.allocate(48, 16));
  if (is_aligned(a, 32)) a = b;
  REQUIRE_FALSE(is_aligned(a, 32));
  support::fill_pattern(a, 48, 8);
  while (w.heap.allocate(span_of<C>) != nullptr) {
  }
  void* const resized = w.heap.reallocate(a, 40, 32);
  if (resized != nullptr) {
    CHECK(is_aligned(support::opaque(resized), 32));
  } else {
    CHECK(support::holds_pattern(a, 48, 8));
  }
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE(
    "a block of 4 bytes that malloc's rules no longer fit moves, or null says it cannot", C,
    support::SmallRadix, support::ThreeLevels, support::Firmware, support::Smallest,
    support::Unchecked) {
  World<C> w;
  char* block = static_cast<char*>(w.heap.allocate(4, 4));
  char* const next = static_cast<char*>(w.heap.allocate(4, 4));
  if (is_aligned(block, sizeof(void*))) block = next;
  support::fill_pattern(block, 4, 8);
  while (w.heap.allocate(span_of<C>) != nullptr) {
  }
  void* const resized = w.heap.reallocate(block, 3);  // as malloc(3) is aligned
  if (resized != nullptr) {
    CHECK(is_aligned(support::opaque(resized), sizeof(void*)));
  } else {
    CHECK(support::holds_pattern(block, 4, 8));
  }
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a block grown byte by byte keeps its contents", C, SUPPORT_WORLDS) {
  World<C> w;
  char* block = nullptr;
  size_t size = 0;
  const size_t limit = C::options.page_size > 16 * KiB ? 10'000 : 30'000;
  while (size < limit) {
    const size_t next = size + 1 + size / 16;
    block = static_cast<char*>(w.heap.reallocate(block, next));
    REQUIRE(block != nullptr);
    for (size_t i = size; i < next; i++) block[i] = static_cast<char>(support::pattern_at(i, 1));
    size = next;
  }
  CHECK(support::holds_pattern(block, size, 1));
  CHECK(w.stats().live_blocks == 1);
  while (size > 10) {
    size = size * 2 / 3;
    block = static_cast<char*>(w.heap.reallocate(block, size));
    REQUIRE(block != nullptr);
    if (!support::holds_pattern(block, size, 1)) FAIL_CHECK("contents lost at " << size);
  }
  w.heap.deallocate(block, size);
  CHECK_SOUND(w);
}
