// SPDX-License-Identifier: MIT OR Apache-2.0
// Checks::full, where the page source can protect pages: large blocks between them, and what
// becomes of those that are released.
#include "support/full_worlds.hpp"
#include "support/test.hpp"

using namespace rsb;
using support::FencedPages;
using support::FullFenced;
using support::of;

namespace {

using Fixture = support::World<FullFenced>;

// Nothing is kept out.
struct FullOpen : support::Configuration<support::with_checks(support::small_radix, Checks::full),
                                         FencedPages> {
  static constexpr FullOptions full{
      .queue_bytes = 16 * KiB, .queue_blocks = 8, .guarded_bytes = 24 * KiB, .kept_out_bytes = 0};
};
using Open = support::World<FullOpen>;

template <class F>
int fault_of_free(F& f, void* block) {
  return support::fault_of([&] { f.heap.deallocate(block); });
}

template <class F>
unsigned char* allocate(F& f, size_t size) {
  auto* const block = static_cast<unsigned char*>(f.heap.allocate(size));
  REQUIRE(block != nullptr);
  support::fill(block, size, 0x33);
  return support::opaque(block);
}

constexpr size_t page = FullFenced::options.page_size;

}  // namespace

TEST_CASE("the page behind a block, and behind one of no bytes, cannot be touched") {
  for (const size_t size : {size_t{0}, size_t{1'024}, size_t{3'008}, size_t{20'000}}) {
    Fixture f;
    const unsigned char* const block = allocate(f, size);
    CHECK(support::holds_only(block + size, page, FencedPages::fence));
    CHECK(f.heap.usable_size(block) == size);
    f.heap.deallocate(const_cast<unsigned char*>(block));
    CHECK_SOUND(f);
  }
}

TEST_CASE(
    "a released block cannot be touched beyond its first page, but for so many bytes of them") {
  Fixture f;
  constexpr size_t size = 6 * page;
  unsigned char* const block = allocate(f, size);
  f.heap.deallocate(block);
  CHECK(support::holds_only(block + page, size - page, FencedPages::fence));
  Open open;
  unsigned char* const other = allocate(open, size);
  open.heap.deallocate(other);
  CHECK(other[0] == 0xfd);
  CHECK_FALSE(support::holds_only(other + page, size - page, FencedPages::fence));
}

TEST_CASE("a block takes the place of a released one with its guards") {
  Open f;
  constexpr size_t size = 3'008;
  for (int i = 0; i < 10; i++) f.heap.deallocate(allocate(f, size));
  const size_t calls = f.source().calls();
  for (int i = 0; i < 100; i++) f.heap.deallocate(allocate(f, size));
  CHECK(f.source().calls() == calls);
  CHECK_SOUND(f);
}

TEST_CASE("not at once") {
  Open f;
  void* const first = allocate(f, 3'008);
  f.heap.deallocate(first);
  CHECK(allocate(f, 3'008) != first);
}

TEST_CASE("of another size, the guard moves to its end") {
  Open f;
  f.heap.deallocate(allocate(f, 17 * page + 500));
  for (const size_t size : {16 * page + 500, 17 * page + 500}) {
    const size_t calls = f.source().calls();
    unsigned char* const block = allocate(f, size);
    CHECK(f.source().calls() == calls + 1);
    CHECK(block[align_up(size, 16)] == FencedPages::fence);
    f.heap.deallocate(block);
    CHECK_SOUND(f);
  }
}

TEST_CASE("what takes the place of a released block is zero, if so wished") {
  Open f;
  constexpr size_t size = 3'008;
  for (int i = 0; i < 10; i++) {
    f.heap.deallocate(allocate(f, size));
    void* const block = f.heap.allocate_zeroed(size);
    REQUIRE(block != nullptr);
    CHECK(support::holds_only(block, size, 0));
    f.heap.deallocate(block);
  }
}

TEST_CASE(
    "a write to a released large block is found by a check, by trim, and by who takes its place") {
  constexpr size_t size = 3'008;
  for (const size_t offset : {size_t{0}, size_t{1'700}, size - 1}) {
    for (int by = 0; by < 2; by++) {
      Open f;
      unsigned char* const block = allocate(f, size);
      f.heap.deallocate(block);
      CHECK_SOUND(f);
      block[offset] ^= 1;
      CHECK(f.problem() != nullptr);
      const int fault = support::fault_of([&] {
        if (by == 0) f.heap.trim();
        for (int i = 0; i < 10; i++) f.heap.deallocate(f.heap.allocate(size));
      });
      CHECK(fault == of(Fault::overwritten_link));
      CHECK(support::fault_address() == block);
    }
  }
}

TEST_CASE("so is one before it") {
  Open f;
  unsigned char* const block = allocate(f, 3'008);
  f.heap.deallocate(block);
  block[-1] ^= 1;
  CHECK(f.problem() != nullptr);
  CHECK(support::fault_of([&] { f.heap.trim(); }) == of(Fault::underflow));
}

TEST_CASE("released blocks count as cached, up to so many bytes") {
  Open f;
  void* blocks[12];
  for (void*& block : blocks) block = allocate(f, 3'008);
  CHECK(f.stats().live_blocks == 12);
  for (void* const block : blocks) f.heap.deallocate(block);
  CHECK(f.stats().live_blocks == 0);
  CHECK(f.stats().large_blocks == 0);
  CHECK(f.stats().cached_blocks != 0);
  CHECK(f.stats().cached_bytes <= FullOpen::full.guarded_bytes);
  CHECK_SOUND(f);
  f.heap.trim();
  CHECK(f.stats().cached_blocks == 0);
}

TEST_CASE("memory is null only when nothing is kept") {
  Open f;
  void* blocks[64];
  size_t count = 0;
  while (void* const block = f.heap.allocate(3'008)) blocks[count++] = block;
  REQUIRE(count > 8);
  for (size_t i = 0; i < count; i++) f.heap.deallocate(blocks[i]);
  CHECK(f.heap.allocate(20'000) != nullptr);
  CHECK_SOUND(f);
}

TEST_CASE("one byte before a large block is found when it is released") {
  constexpr size_t record = sizeof(void*) == 8 ? 32 : 16;
  for (const size_t size : {size_t{2'800}, size_t{3'008}, size_t{5'000}}) {
    for (size_t before = 1; before <= record; before++) {
      Fixture f;
      auto* const block = static_cast<unsigned char*>(f.heap.allocate(size));
      REQUIRE(block != nullptr);
      CHECK(fault_of_free(f, block + 32) == of(Fault::interior_pointer));
      unsigned char& changed = *(support::opaque(block) - before);
      changed = static_cast<unsigned char>(changed ^ 0x41);
      CHECK(fault_of_free(f, block) == of(Fault::underflow));
      CHECK(support::fault_address() == block);
    }
  }
}

TEST_CASE("a large block that stays for want of memory leaves alone what lies behind it") {
  Fixture f;
  constexpr size_t size = 3'008;
  auto* const block = static_cast<unsigned char*>(f.heap.allocate(size));
  REQUIRE(block != nullptr);
  const unsigned char& beyond = support::opaque(block)[size];
  REQUIRE(beyond == FencedPages::fence);
  while (f.heap.allocate(size) != nullptr) {
  }
  CHECK(f.heap.reallocate(block, size) == block);
  CHECK(beyond == FencedPages::fence);
  CHECK(f.heap.reallocate(block, size - 5) == block);
  CHECK(f.heap.usable_size(block) == size - 5);
  CHECK(beyond == FencedPages::fence);
  f.heap.deallocate(block);
}

TEST_CASE("what the source does not unprotect is not used until it does") {
  Fixture f;
  constexpr size_t size = 3'008;
  char* released[2];
  for (char*& block : released) {
    block = static_cast<char*>(f.heap.allocate(size));
    REQUIRE(block != nullptr);
  }
  const auto overlap = [&](const char* block, size_t i) {
    return bytes_from(released[i] - FullFenced::options.page_size, block) <= size;
  };
  f.heap.deallocate(released[0]);
  f.source().refuse_to_unprotect(true);
  f.heap.deallocate_nowait(released[1]);
  f.heap.trim();
  while (auto* const block = static_cast<char*>(f.heap.allocate(500))) {
    CHECK_FALSE(overlap(block, 0));
    CHECK_FALSE(overlap(block, 1));
  }
  f.source().refuse_to_unprotect(false);
  size_t again = 0;
  size_t of_handlers = 0;
  while (auto* const block = static_cast<char*>(f.heap.allocate(500))) {
    again += overlap(block, 0);
    of_handlers += overlap(block, 1);
  }
  CHECK(again != 0);
  CHECK(of_handlers != 0);
  CHECK_SOUND(f);
}

TEST_CASE("and cannot be touched meanwhile, but for its first page") {
  constexpr size_t size = 6 * page;
  for (const bool by_handler : {false, true}) {
    Open f;
    unsigned char* const block = allocate(f, size);
    f.source().refuse_to_unprotect(true);
    if (by_handler) {
      f.heap.deallocate_nowait(block);
    } else {
      f.heap.deallocate(block);
    }
    f.heap.trim();
    CHECK(support::holds_only(block + page, size - page, FencedPages::fence));
    CHECK(f.stats().live_blocks == 0);
    CHECK(fault_of_free(f, block) == of(Fault::double_free));
    CHECK_SOUND(f);
    f.source().refuse_to_unprotect(false);
    f.heap.trim();
    CHECK(f.stats().cached_blocks == 0);
    CHECK_SOUND(f);
  }
}

TEST_CASE("nor what is too long to be kept") {
  constexpr size_t size = 33 * KiB;
  for (const bool trims : {true, false}) {
    Fixture f;
    unsigned char* const stays = allocate(f, size);
    unsigned char* const other = allocate(f, size);
    f.source().refuse_to_unprotect(true);
    f.heap.deallocate(stays);
    f.heap.trim();
    CHECK(fault_of_free(f, stays) == of(Fault::double_free));
    CHECK_SOUND(f);
    f.source().refuse_to_unprotect(false);
    if (trims) f.heap.trim();
    f.heap.deallocate(other);  // and the one that stays
    CHECK(f.stats().live_blocks == 0);
    CHECK_SOUND(f);
  }
}

TEST_CASE("all bytes between an aligned block and the page behind it are looked at") {
  for (size_t alignment = 16; alignment <= page; alignment *= 4) {
    for (const size_t size : {size_t{3'000}, size_t{2'049}}) {
      const size_t room = align_up(size, alignment);
      for (const size_t offset : {size, (size + room) / 2, room - 1}) {
        Fixture f;
        auto* const block = static_cast<unsigned char*>(f.heap.allocate(size, alignment));
        REQUIRE(block != nullptr);
        CHECK(support::opaque(block)[room] == FencedPages::fence);
        support::fill(block, size, 0x22);
        CHECK_SOUND(f);
        unsigned char& beyond = support::opaque(block)[offset];
        beyond = static_cast<unsigned char>(beyond ^ 0x10);
        CHECK(fault_of_free(f, block) == of(Fault::overflow));
      }
    }
  }
}

TEST_CASE("a double free of a large block that does not wait is named so") {
  Fixture f;
  void* const keep = f.heap.allocate(3'008);
  void* const block = f.heap.allocate(3'008);
  f.heap.deallocate(block);
  CHECK(fault_of_free(f, block) == of(Fault::double_free));
  f.heap.deallocate(keep);
  CHECK(fault_of_free(f, block) == of(Fault::double_free));
  CHECK_SOUND(f);
}

TEST_CASE("a large block is found where another one began before") {
  Fixture f;
  f.heap.deallocate(f.heap.allocate(3'008));
  void* const block = f.heap.allocate(2'800);  // begins later in its first page
  CHECK(f.heap.block_with(block) == block);
  size_t walked = 0;
  inspect(f.heap).walk([&](void* found, size_t bytes) {
    CHECK(found == block);
    CHECK(bytes == 2'800);
    walked++;
    return true;
  });
  CHECK(walked == 1);
  f.heap.deallocate(block);
}

TEST_CASE("a large block of zeroes is not written to where the page source gives zeroes") {
  Fixture f;
  constexpr size_t size = 17'000;                // acquired on its own
  void* const before = f.heap.allocate(12'000);  // so there are descriptors, of zeroes
  f.source().leave_contents();  // it is said to give zeroes: what is there now shows who wrote
  auto* const block = static_cast<unsigned char*>(f.heap.allocate_zeroed(size));
  REQUIRE(block != nullptr);
  CHECK(support::holds_only(block, size, support::dirt));
  f.heap.deallocate(block);
  f.heap.deallocate(before);
}
