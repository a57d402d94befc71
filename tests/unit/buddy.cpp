// SPDX-License-Identifier: MIT OR Apache-2.0
// support/buddy.hpp: the tests' stand-in of a kernel's buddy allocator notices what is wrong.
#include "support/buddy.hpp"

#include "rsb/internal/machine/bits.hpp"
#include "support/test.hpp"
#include "support/worlds.hpp"

namespace {

constexpr size_t page = 4 * rsb::KiB;

struct Sixteen : support::Buddy<page, 3, 16> {
  Sixteen() {
    begin_at(support::arena);
    add(support::arena, 16 * page);
  }
};

}  // namespace

TEST_CASE("a buddy hands out aligned blocks until there are none, and merges what comes back") {
  Sixteen buddy;
  CHECK(buddy.is_whole());
  void* blocks[4];
  for (unsigned order = 0; order < 4; order++) {
    blocks[order] = buddy.alloc_pages(order);
    REQUIRE(blocks[order] != nullptr);
    CHECK(rsb::is_aligned(blocks[order], page << order));
    CHECK_FALSE(buddy.is_whole());
  }
  CHECK(buddy.taken_pages() == 15);
  CHECK(buddy.alloc_pages(1) == nullptr);
  CHECK(buddy.alloc_pages(0) != nullptr);
  CHECK(buddy.alloc_pages(0) == nullptr);
  CHECK(buddy.free_pages() == 0);
  for (unsigned order = 0; order < 4; order++) buddy.free_pages(blocks[order], order);
  CHECK_FALSE(buddy.is_whole());  // one page is missing
  CHECK(buddy.complaint() == nullptr);
}

TEST_CASE("a buddy takes a block back in parts, in any order") {
  Sixteen buddy;
  char* const block = static_cast<char*>(buddy.alloc_pages(3));
  buddy.free_pages(block + 4 * page, 1);
  buddy.free_pages(block + 7 * page, 0);
  buddy.free_pages(block, 2);
  CHECK(buddy.taken_pages() == 1);
  CHECK_FALSE(buddy.is_whole());
  buddy.free_pages(block + 6 * page, 0);
  CHECK(buddy.is_whole());
  CHECK(buddy.complaint() == nullptr);
}

TEST_CASE("a buddy notices a double free, another order and what it never handed out") {
  const auto complains = [](auto misuse) {
    Sixteen buddy;
    char* const one = static_cast<char*>(buddy.alloc_pages(1));
    char* const other = static_cast<char*>(buddy.alloc_pages(1));
    REQUIRE((buddy.complaint() == nullptr && other == one + 2 * page));
    misuse(buddy, one);
    return buddy.complaint() != nullptr;
  };
  CHECK_FALSE(complains([](Sixteen& b, char* one) { b.free_pages(one, 1); }));
  CHECK(complains([](Sixteen& b, char* one) {
    b.free_pages(one, 1);
    b.free_pages(one, 1);
  }));
  CHECK(complains([](Sixteen& b, char* one) { b.free_pages(one, 2); }));         // two blocks
  CHECK(complains([](Sixteen& b, char* one) { b.free_pages(one + page, 1); }));  // misaligned
  CHECK(complains([](Sixteen& b, char* one) { b.free_pages(one + 1, 0); }));
  CHECK(complains([](Sixteen& b, char* one) { b.free_pages(one + 4 * page, 0); }));  // free
  CHECK(complains([](Sixteen& b, char* one) { b.free_pages(one - page, 0); }));
  CHECK(complains([](Sixteen& b, char*) { (void)b.alloc_pages(4); }));
  CHECK(complains([](Sixteen& b, char* one) { b.add(one, page); }));
}

TEST_CASE("a buddy takes more memory at any time") {
  support::Buddy<page, 3, 16> buddy;
  buddy.begin_at(support::arena);
  CHECK(buddy.alloc_pages(0) == nullptr);
  buddy.add(support::arena + 5 * page, 6 * page);
  CHECK(buddy.free_pages() == 6);
  CHECK(buddy.is_whole());
  CHECK(buddy.alloc_pages(3) == nullptr);
  buddy.add(support::arena, 5 * page);
  CHECK(buddy.is_whole());
  CHECK(buddy.alloc_pages(3) == support::arena);
  CHECK(buddy.complaint() == nullptr);
}
