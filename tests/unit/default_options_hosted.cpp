// SPDX-License-Identifier: MIT OR Apache-2.0
// The default options, as on Linux, over an arena that only an operating system has: large
// acquisitions, alignments to 4 MiB, moves.
#include "rsb/inspector.hpp"
#include "support/test.hpp"
#include "support/virtual_memory.hpp"
#include "support/worlds.hpp"

using namespace rsb;

namespace {

// As the system: what was never touched, or was given back, is zero without being written.
class MappedPages : public support::ZeroedPages {
 public:
  bool release(void* base, size_t bytes) noexcept {
    if (!ZeroedPages::release(base, bytes)) return false;
    return support::drop_contents(base, bytes);
  }
  bool discard(void* base, size_t bytes) noexcept {
    return may_discard(base, bytes) && support::drop_contents(base, bytes);
  }
  Move move(void* from, size_t bytes, void* to) noexcept {
    if (!may_move(from, bytes, to)) return refusal();
    __builtin_memcpy(to, from, bytes);
    return support::drop_contents(from, bytes) ? Move::done : Move::refused;
  }
};

using Default = support::Configuration<Options{}, MappedPages>;

constexpr size_t mapped_bytes = 512 * MiB;  // of address space

// A heap with default options and half a GiB of address space.
class Mapped {
 public:
  Mapped() : base_(support::map(mapped_bytes)), heap(*new Heap<Default>) {
    REQUIRE(base_ != nullptr);
    source().leave_contents();
    source().serve_from(base_, mapped_bytes);
  }
  ~Mapped() {
    CHECK_SOUND(*this);
    if (support::failing_call.is_on()) {
      support::settle(*this);
      CHECK_WHATEVER_FAILS(loses_targets || inspect(heap).stats().used_bytes == 0);
    }
    support::unmap(base_, mapped_bytes);
    delete &heap;
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  MappedPages& source() { return heap.pages().source(); }

  const char* problem() {
    if (const char* const sentence = inspect(heap).check()) return sentence;
    if (const char* const sentence = source().complaint()) return sentence;
    const Stats s = inspect(heap).stats();
    const bool agree = s.acquired_bytes + s.metadata_bytes == source().held_bytes() + region_bytes;
    return agree ? nullptr : "what the heap says it has is what the source gave";
  }

  void recover() { source().recover(); }
  static bool must_serve() { return true; }

 private:
  void* const base_;

 public:
  size_t region_bytes = 0;
  bool loses_targets = false;  // of moves: they count as used for good
  Heap<Default>& heap;         // as large as its map's root
};

}  // namespace

TEST_CASE("every power-of-two alignment up to 4 MiB is served, by a heap that has nothing yet") {
  for (size_t alignment = 1; alignment <= 4 * MiB; alignment *= 2) {
    for (const size_t size : {size_t{1}, size_t{100}, 16 * KiB + 1, 1 * MiB}) {
      Mapped m;
      CAPTURE(alignment);
      CAPTURE(size);
      void* const block = m.heap.allocate(size, alignment);
      REQUIRE(block != nullptr);
      CHECK(is_aligned(support::opaque(block), alignment));
      m.heap.deallocate(block, size, alignment);
    }
  }
}

TEST_CASE("every power-of-two alignment up to 4 MiB is served by a heap in use") {
  Mapped m;
  void* blocks[23][3];
  size_t i = 0;
  for (size_t alignment = 1; alignment <= 4 * MiB; alignment *= 2, i++) {
    for (int k = 0; k < 3; k++) {
      blocks[i][k] = m.heap.allocate(100, alignment);
      REQUIRE(blocks[i][k] != nullptr);
      CHECK(is_aligned(support::opaque(blocks[i][k]), alignment));
    }
  }
  CHECK(inspect(m.heap).check() == nullptr);
  for (auto& three : blocks) {
    for (void* block : three) m.heap.deallocate(block);
  }
  m.heap.trim();
  CHECK(inspect(m.heap).stats().acquired_bytes == 0);
}

TEST_CASE("a block above half an acquisition is served at a large alignment") {
  Mapped m;
  for (const size_t alignment : {64 * KiB, 2 * MiB, 4 * MiB}) {
    void* const block = m.heap.allocate(20 * MiB, alignment);
    REQUIRE(block != nullptr);
    CHECK(is_aligned(support::opaque(block), alignment));
    m.heap.deallocate(block);
  }
}

TEST_CASE("a large block is served while a slightly shorter one waits for reuse") {
  Mapped m;
  void* const first = m.heap.allocate(16 * MiB + 16 * KiB);
  REQUIRE(first != nullptr);
  m.heap.deallocate(first);
  void* const second = m.heap.allocate(16 * MiB + 160 * KiB);
  CHECK(second != nullptr);
  CHECK(inspect(m.heap).stats().acquired_bytes <= 40 * MiB);
  m.heap.deallocate(second);
}

TEST_CASE("large blocks of random sizes never fail while there is memory") {
  Mapped m;
  support::Random random(31);
  void* blocks[6] = {};
  for (int step = 0; step < 400; step++) {
    void*& block = blocks[random.below(6)];
    if (block != nullptr) {
      m.heap.deallocate(block);
      block = nullptr;
    } else {
      const size_t size = 1 * MiB + random.below(24 * MiB);
      block = m.heap.allocate(size);
      if (block == nullptr) {
        FAIL_CHECK("no " << size << " bytes with " << m.source().held_bytes() << " of "
                         << mapped_bytes << " in use");
      }
    }
  }
  for (void* block : blocks) m.heap.deallocate(block);
}

namespace {

// Grows a block that cannot grow in place.
void grow(Mapped& m, size_t from, size_t to) {
  char* const block = static_cast<char*>(m.heap.allocate(from));
  REQUIRE(block != nullptr);
  support::fill_pattern(block, from, 1);
  void* const wall = m.heap.allocate(from);
  char* const grown = static_cast<char*>(m.heap.reallocate(block, to));
  CHECK_WHATEVER_FAILS(support::holds_pattern(grown != nullptr ? grown : block, from, 1));
  REQUIRE(grown != nullptr);
  CHECK(grown != block);
  support::fill(grown, to, 0xff);
  CHECK(inspect(m.heap).stats().live_blocks == 2);
  CHECK(inspect(m.heap).check() == nullptr);
  // What was moved away from is zero, and what was moved is not.
  for (int i = 0; i < 2; i++) {
    void* const zeroed = m.heap.allocate_zeroed(from);
    REQUIRE(zeroed != nullptr);
    CHECK_WHATEVER_FAILS(support::holds_only(zeroed, from, 0));
    support::fill(zeroed, from, 0xff);
    m.heap.deallocate(i == 0 ? grown : wall);
    m.heap.deallocate(zeroed);
  }
}

}  // namespace

TEST_CASE("large blocks move by their pages when they grow, small ones are copied") {
  for (const size_t from : {1 * MiB, 7 * MiB, 17 * MiB, 40 * MiB}) {
    Mapped m;
    CAPTURE(from);
    grow(m, from, from * 2);
    CHECK(m.source().moves() == 1);
  }
  Mapped m;
  grow(m, 32 * KiB, 64 * KiB);
  CHECK(m.source().moves() == 0);
}

TEST_CASE("a move that the source refuses is a copy") {
  for (const size_t from : {1 * MiB, 17 * MiB}) {
    Mapped m;
    m.source().refuse_next_moves(1);
    grow(m, from, from * 2);
    CHECK(m.source().moves() == 0);
  }
}

TEST_CASE("a move that loses its target is a copy elsewhere, and the last move") {
  for (const size_t from : {1 * MiB, 17 * MiB}) {
    Mapped m;
    m.source().refuse_next_moves(1, Move::target_lost);
    m.loses_targets = true;
    grow(m, from, from * 2);
    CHECK(inspect(m.heap).stats().used_bytes >= from);  // nobody's
    grow(m, from, from * 2);
    CHECK(m.source().moves() == 0);
  }
}

TEST_CASE("a move for which there is no memory leaves the block as it was") {
  for (const size_t from : {1 * MiB, 17 * MiB}) {
    Mapped m;
    char* const block = static_cast<char*>(m.heap.allocate(from));
    REQUIRE(block != nullptr);
    support::fill_pattern(block, from, 1);
    m.source().fail_always_after(0);
    CHECK(m.heap.reallocate(block, mapped_bytes / 2) == nullptr);
    CHECK(support::holds_pattern(block, from, 1));
    CHECK(m.source().moves() == 0);
    m.source().fail_never();
    m.heap.deallocate(block);
  }
}

TEST_CASE(
    "what lies in a region moves too, or is copied, and the source is not asked for what is not "
    "its own") {
  static char region[4 * MiB];
  support::fill(region, sizeof region, 0xff);
  Mapped m;
  m.region_bytes = m.heap.add_region(region, sizeof region);
  REQUIRE(m.region_bytes != 0);
  char* const block = static_cast<char*>(m.heap.allocate(3 * MiB));
  REQUIRE(bytes_from(region, block) < sizeof region);
  support::fill_pattern(block, 3 * MiB, 1);
  char* const grown = static_cast<char*>(m.heap.reallocate(block, 8 * MiB));
  REQUIRE(grown != nullptr);
  CHECK(support::holds_pattern(grown, 3 * MiB, 1));
  m.heap.deallocate(grown);
}

TEST_CASE("free memory stays below the limit, and is kept up to it") {
  Mapped m;
  constexpr size_t limit = Default::options.keep_free;
  // Each is an acquisition of its own.
  constexpr size_t size = Default::options.acquire_size / 2 + 1 * MiB;
  void* blocks[8];
  for (void*& block : blocks) {
    block = m.heap.allocate(size);
    REQUIRE(block != nullptr);
  }
  for (void* block : blocks) {
    m.heap.deallocate(block);
    CHECK(inspect(m.heap).stats().free_bytes <= limit);
  }
  CHECK(inspect(m.heap).stats().free_bytes > limit - size);
}

namespace {

// Memory costs although it is not touched.
struct EagerPages : MappedPages {
  bool has_to_spare(size_t) noexcept { return false; }
};
using Eager = support::Configuration<Options{}, EagerPages>;

}  // namespace

TEST_CASE("where memory costs untouched, little more is acquired than is used") {
  void* const base = support::map(mapped_bytes);
  REQUIRE(base != nullptr);
  static constinit Heap<Eager> heap;
  heap.pages().source().leave_contents();
  heap.pages().source().serve_from(base, mapped_bytes);
  for (size_t used = 0; used < 100 * MiB;) {
    void* const block = heap.allocate(1'000);
    REQUIRE(block != nullptr);
    used += 1 * KiB;
    if (used % MiB != 0) continue;
    const Stats s = inspect(heap).stats();
    CHECK(s.acquired_bytes <= used + used / 32 + 512 * KiB);
    CHECK(s.metadata_bytes <= 128 * KiB + used / 50);
  }
  CHECK(inspect(heap).check() == nullptr);
  support::unmap(base, mapped_bytes);
}

TEST_CASE("ten million bytes in 4-byte objects cost at most 4.1 bytes each") {
  Mapped m;
  constexpr size_t count = 2'500'000;
  for (size_t i = 0; i < count; i++) REQUIRE(m.heap.allocate(4, 4) != nullptr);
  const Stats s = inspect(m.heap).stats();
  CHECK(s.live_blocks == count);
  CHECK(static_cast<double>(s.used_bytes) <= 4.03 * static_cast<double>(count));
}
