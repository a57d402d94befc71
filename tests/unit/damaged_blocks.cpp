// SPDX-License-Identifier: MIT OR Apache-2.0
// What a small heap below Checks::full verifies of free blocks, and of what lies beside those that
// are released, whenever it touches them.
#include "rsb/small_inspector.hpp"
#include "support/test.hpp"
#include "support/watched_lock.hpp"

using namespace rsb;
using support::of;

namespace {

struct Table {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.checks = Checks::under_guards};
};
struct Words {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.checks = Checks::under_guards, .words = true};
};

alignas(16) char pool[8 * KiB];

// Blocks side by side, of which the second and the fourth are free, in one list.
template <class Config>
struct Scene {
  static constexpr size_t size = 60;

  Scene() {
    heap.add_region(pool, sizeof pool);
    for (char*& block : blocks) {
      block = static_cast<char*>(heap.allocate(size));
      REQUIRE(block != nullptr);
    }
    heap.deallocate(blocks[3]);
    heap.deallocate(blocks[1]);
  }

  template <class T>
  static void flip(char* at, T bits) {
    T value;
    __builtin_memcpy(&value, at, sizeof value);
    value = static_cast<T>(value ^ bits);
    __builtin_memcpy(at, &value, sizeof value);
  }

  SmallHeap<Config> heap;
  char* blocks[8];
};

// In a table's free block, behind its size.
constexpr size_t back_at = small_granule / 2 + sizeof(size_t);

// How a free block can be written to. `end`: where the next one's word is, or its first byte.
struct Damage {
  const char* what;
  void (*apply)(char* block, char* end);
};
using Any = Scene<Table>;
constexpr Damage damages[] = {
    {"next", [](char* block, char*) { Any::flip(block, uintptr_t{small_granule}); }},
    {"next, far", [](char* block, char*) { Any::flip(block, ~uintptr_t{0} / 3); }},
};
constexpr Damage damages_of_table[] = {
    {"end", [](char*, char* end) { Any::flip(end - sizeof(size_t), size_t{small_granule}); }},
    {"size", [](char* b, char*) { Any::flip(b + small_granule / 2, size_t{small_granule}); }},
    {"no size", [](char* b, char*) { __builtin_memset(b + small_granule / 2, 0, sizeof(size_t)); }},
    {"far", [](char* b, char*) { Any::flip(b + small_granule / 2, SIZE_MAX / 2 + 1); }},
    {"back", [](char* b, char*) { Any::flip(b + back_at, uintptr_t{small_granule}); }},
    {"back, far", [](char* b, char*) { Any::flip(b + back_at, ~uintptr_t{0} / 3); }},
};
constexpr Damage damages_of_words[] = {
    {"end", [](char*, char* end) { Any::flip(end - 4, uint32_t{small_granule}); }},
    {"size", [](char* b, char*) { Any::flip(b - 4, uint32_t{small_granule}); }},
    {"far", [](char* b, char*) { Any::flip(b - 4, uint32_t{1} << 30); }},
    {"back", [](char* b, char*) { Any::flip(b + sizeof(void*), uintptr_t{small_granule}); }},
    {"back, far", [](char* b, char*) { Any::flip(b + sizeof(void*), ~uintptr_t{0} / 3); }},
};

template <class Config, class Provoke>
void expect_fault(const Damage& damage, Provoke&& provoke) {
  CAPTURE(damage.what);
  Scene<Config> scene;
  CHECK(inspect(scene.heap).check() == nullptr);
  char* const free = scene.blocks[1];
  damage.apply(free, scene.blocks[2] - SmallHeap<Config>::block_overhead);
  CHECK(inspect(scene.heap).check() != nullptr);
  CHECK(support::fault_of([&] { provoke(scene); }) == of(Fault::overwritten_link));
  // Or where it seems to begin, if its end is what was written to.
  CHECK(bytes_from(scene.blocks[0], support::fault_address()) <=
        bytes_from(scene.blocks[0], scene.blocks[2]));
  CHECK_FALSE(support::WatchedLock::is_held());
}

template <class Config>
void expect_faults(const Damage& damage) {
  using S = Scene<Config>;
  expect_fault<Config>(damage, [](S& scene) { support::drop(scene.heap.allocate(S::size)); });
  expect_fault<Config>(damage, [](S& scene) { scene.heap.deallocate(scene.blocks[0]); });
  expect_fault<Config>(damage, [](S& scene) { scene.heap.deallocate(scene.blocks[2]); });
  expect_fault<Config>(damage, [](S& scene) {
    support::drop(scene.heap.reallocate(scene.blocks[0], S::size + small_granule));
  });
}

}  // namespace

TEST_CASE_TEMPLATE("a free block that was written to is found by who takes it, or releases beside",
                   C, Table, Words) {
  for (const Damage& damage : damages) expect_faults<C>(damage);
  if constexpr (C::options.words) {
    for (const Damage& damage : damages_of_words) expect_faults<C>(damage);
  } else {
    for (const Damage& damage : damages_of_table) expect_faults<C>(damage);
  }
}

TEST_CASE_TEMPLATE("and by who releases another one that comes into the same list", C, Table,
                   Words) {
  for (const Damage& damage : damages) {
    expect_fault<C>(damage, [](Scene<C>& scene) { scene.heap.deallocate(scene.blocks[5]); });
  }
}

TEST_CASE("the word before the next block is verified when a block is released") {
  Scene<Words> scene;
  Any::flip(scene.blocks[5] - 4, uint32_t{1} << 31);
  CHECK(inspect(scene.heap).check() != nullptr);
  void* const before = scene.blocks[4];
  CHECK(support::fault_of([&] { scene.heap.deallocate(before); }) == of(Fault::damaged_descriptor));
  CHECK(support::fault_address() == scene.blocks[5]);
}
