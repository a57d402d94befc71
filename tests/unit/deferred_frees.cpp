// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/deferred_frees.hpp
#include "rsb/internal/blocks/deferred_frees.hpp"

#include "support/test.hpp"

using namespace rsb;
using Room = DeferredFrees::Room;

namespace {

constexpr size_t block_bytes = 8;
constexpr size_t most = 64;

// Regions of 64 blocks each.
struct Memory {
  alignas(8) char bytes[20][most * block_bytes];
  DeferredFrees::Region regions[20];

  char* block(size_t region, size_t i) { return &bytes[region][i * block_bytes]; }
};

constexpr auto never_looks_free = [] { return false; };

// Takes over what there is; -1: the list ended early.
int take_all(DeferredFrees& deferred, bool (*is_right)(void*), Room room) {
  int count = 0;
  for (int idle = 0; deferred.any() && idle < 100;) {
    void* const block = deferred.pop();
    if (block == nullptr) {
      idle++;
      continue;
    }
    if (!is_right(block) || !deferred.follow(block, room)) return -1;
    count++;
  }
  return deferred.any() ? -1 : count;
}

static Memory memory;
bool is_pushed_once[20][most];

bool was_pushed(void* block) {
  const size_t offset = bytes_from(memory.bytes, block);
  bool& pushed = is_pushed_once[offset / sizeof memory.bytes[0]]
                               [offset % sizeof memory.bytes[0] / block_bytes];
  const bool is_right = pushed && offset % block_bytes == 0;
  pushed = false;
  return is_right;
}

}  // namespace

TEST_CASE("what was pushed is taken over, each block once, from however many regions") {
  for (const size_t regions : {size_t{1}, size_t{2}, size_t{8}, size_t{9}, size_t{20}}) {
    CAPTURE(regions);
    for (const Room room : {Room::link, Room::link_and_mark}) {
      memory = {};
      DeferredFrees deferred;
      for (size_t r = 0; r < regions; r++) deferred.add(memory.regions[r], memory.bytes[r]);
      CHECK_FALSE(deferred.any());
      support::Random random(static_cast<uint32_t>(regions));
      for (int round = 0; round < 20; round++) {
        int pushed = 0;
        for (size_t i = random.below(100); i > 0; i--) {
          const size_t r = random.below(regions), at = random.below(most);
          if (is_pushed_once[r][at]) continue;
          is_pushed_once[r][at] = true;
          deferred.push(memory.regions[r], memory.block(r, at), room, never_looks_free);
          pushed++;
        }
        CHECK(deferred.any() == (pushed > 0));
        CHECK(deferred.count() == static_cast<size_t>(pushed));
        CHECK(take_all(deferred, was_pushed, room) == pushed);
        CHECK(deferred.count() == 0);
      }
    }
  }
}

TEST_CASE("a block is taken over although more regions have none than are looked at at once") {
  memory = {};
  DeferredFrees deferred;
  for (size_t r = 0; r < 20; r++) deferred.add(memory.regions[r], memory.bytes[r]);
  for (const size_t region : {size_t{0}, size_t{10}, size_t{19}}) {
    CAPTURE(region);
    void* const block = memory.block(region, 3);
    deferred.push(memory.regions[region], block, Room::link_and_mark, never_looks_free);
    void* found = nullptr;
    for (int i = 0; i < 20 && found == nullptr && deferred.any(); i++) found = deferred.pop();
    REQUIRE(found == block);
    CHECK(deferred.follow(block, Room::link_and_mark));
  }
}

TEST_CASE("handlers nested at the worst place push their blocks too") {
  memory = {};
  DeferredFrees deferred;
  deferred.add(memory.regions[0], memory.bytes[0]);
  size_t next = 0;
  // Each push is interrupted by another one, between its look at the list and its change.
  auto push = [&](auto& self, int depth) -> void {
    const size_t at = next++;
    is_pushed_once[0][at] = true;
    bool interrupted = false;
    deferred.push(memory.regions[0], memory.block(0, at), Room::link, [&] {
      if (!interrupted && depth > 0) {
        interrupted = true;
        self(self, depth - 1);
      }
      return false;
    });
  };
  push(push, 5);
  push(push, 3);
  CHECK(deferred.count() == 10);
  CHECK(take_all(deferred, was_pushed, Room::link) == 10);
}

TEST_CASE("blocks pushed while others are taken over are not missed") {
  memory = {};
  DeferredFrees deferred;
  for (size_t r = 0; r < 20; r++) deferred.add(memory.regions[r], memory.bytes[r]);
  size_t taken = 0;
  for (size_t i = 0; i < most; i++) {
    is_pushed_once[i % 20][i] = true;
    deferred.push(memory.regions[i % 20], memory.block(i % 20, i), Room::link, never_looks_free);
    if (i % 3 != 0) continue;
    if (void* const block = deferred.pop()) {
      CHECK(was_pushed(block));
      CHECK(deferred.follow(block, Room::link));
      taken++;
    }
  }
  CHECK(taken + deferred.count() == most);
  CHECK(take_all(deferred, was_pushed, Room::link) == static_cast<int>(most - taken));
}

TEST_CASE("the link of a pushed block does not have the look that the caller refuses") {
  memory = {};
  DeferredFrees deferred;
  deferred.add(memory.regions[0], memory.bytes[0]);
  for (size_t i = 0; i < most; i++) {
    char* const block = memory.block(0, i);
    is_pushed_once[0][i] = true;
    uint32_t refused = 0;
    bool asked = false;
    deferred.push(memory.regions[0], block, Room::link_and_mark, [&] {
      asked = true;
      __builtin_memcpy(&refused, block, 4);
      return true;
    });
    uint32_t link;
    __builtin_memcpy(&link, block, 4);
    CHECK(asked);
    CHECK(link != refused);
  }
  CHECK(take_all(deferred, was_pushed, Room::link_and_mark) == static_cast<int>(most));
}

TEST_CASE("a block is known as pushed until it is taken over and written to") {
  memory = {};
  DeferredFrees deferred;
  deferred.add(memory.regions[0], memory.bytes[0]);
  char* const block = memory.block(0, 7);
  CHECK_FALSE(deferred.is_pushed(memory.regions[0], block));
  deferred.push(memory.regions[0], block, Room::link_and_mark, never_looks_free);
  CHECK(deferred.is_pushed(memory.regions[0], block));
  CHECK_FALSE(deferred.is_pushed(memory.regions[0], memory.block(0, 6)));
}

TEST_CASE("a block that was written to after it was pushed ends its list, and nothing else") {
  memory = {};
  DeferredFrees deferred;
  deferred.add(memory.regions[0], memory.bytes[0]);
  deferred.add(memory.regions[1], memory.bytes[1]);
  for (size_t i = 0; i < 3; i++) {
    deferred.push(memory.regions[0], memory.block(0, i), Room::link_and_mark, never_looks_free);
  }
  deferred.push(memory.regions[1], memory.block(1, 0), Room::link_and_mark, never_looks_free);
  memory.block(0, 2)[1] ^= 0x10;
  CHECK(deferred.pop() == memory.block(1, 0));
  CHECK(deferred.follow(memory.block(1, 0), Room::link_and_mark));
  CHECK(deferred.pop() == memory.block(0, 2));
  CHECK_FALSE(deferred.follow(memory.block(0, 2), Room::link_and_mark));
  CHECK(deferred.pop() == nullptr);
  CHECK_FALSE(deferred.any());
}

TEST_CASE("who has to be certain can have all regions looked at") {
  memory = {};
  DeferredFrees deferred;
  deferred.add(memory.regions[0], memory.bytes[0]);
  CHECK_FALSE(deferred.any());
  deferred.look_again();
  CHECK(deferred.any());
  CHECK(deferred.pop() == nullptr);
  CHECK_FALSE(deferred.any());
}
