// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/heap.hpp: what happens when there is no memory, and afterwards.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

namespace {

template <class C>
constexpr size_t span_of = C::options.span_size;

// What the out-of-memory handlers below work on: a plain function has no other way to know.
struct Handling {
  static inline constinit int calls = 0;
  static inline constinit size_t bytes = 0;
  static inline constinit bool lock_was_held = false;
  static inline constinit int answers_yes = 0;  // how often it says that it freed something
  using Act = void (*)();
  static inline constinit Act act = nullptr;

  static void reset() {
    calls = 0, bytes = 0, lock_was_held = false, answers_yes = 0, act = nullptr;
  }

  static int handler(size_t n) {
    calls++;
    bytes = n;
    lock_was_held = lock_was_held || support::WatchedLock::is_held();
    if (act != nullptr) act();
    return answers_yes-- > 0;
  }
};

// Takes all memory, in the largest pieces first.
template <class W>
size_t exhaust(W& w, void** blocks, size_t most) {
  size_t count = 0;
  for (size_t size = W::options.span_size; size >= 8; size /= 2) {
    while (count < most) {
      void* const block = w.heap.allocate(size);
      if (block == nullptr) break;
      blocks[count++] = block;
    }
  }
  return count;
}

void* blocks[support::arena_bytes / 8];
constexpr size_t most_blocks = support::arena_bytes / 8;

int other_handler(size_t) {
  return 0;
}

}  // namespace

TEST_CASE_TEMPLATE("an exhausted heap gives null, counts it, and works again after frees", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  for (int round = 0; round < 3; round++) {
    const size_t count = exhaust(w, blocks, most_blocks);
    REQUIRE(count > 0);
    REQUIRE(count < most_blocks);
    const size_t failures = w.stats().failures;
    CHECK(w.heap.allocate(8) == nullptr);
    CHECK(w.heap.allocate(span_of<C>) == nullptr);
    CHECK(w.heap.allocate(span_of<C> + 1) == nullptr);
    CHECK(w.heap.allocate_zeroed(8) == nullptr);
    CHECK(w.heap.allocate(8, 8) == nullptr);
    CHECK(w.stats().failures == failures + 5);
    CHECK_SOUND(w);
    w.heap.deallocate(blocks[0]);
    void* const again = w.heap.allocate(span_of<C>);
    CHECK(again == blocks[0]);
    for (size_t i = 0; i < count; i++) w.heap.deallocate(blocks[i]);
    CHECK(w.stats().live_blocks == 0);
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("empty spans that bins keep are given up for another bin when memory is short",
                   C, SUPPORT_WORLDS) {
  World<C> w;
  // One empty span for each of some classes, and everything else taken.
  void* ones[4];
  for (size_t i = 0; i < 3; i++) ones[i] = w.heap.allocate(size_t{16} << i);
  size_t count = 0;
  while ((blocks[count] = w.heap.allocate(span_of<C>)) != nullptr) count++;
  size_t kept = 0;
  for (size_t i = 0; i < 3; i++) {
    kept += ones[i] != nullptr;
    w.heap.deallocate(ones[i]);
  }
  REQUIRE(kept != 0);
  const size_t used = w.stats().used_bytes;
  for (size_t i = 0; i < kept; i++) {
    CAPTURE(i);
    const unsigned times = support::WatchedLock::times_taken();
    blocks[count] = w.heap.allocate(span_of<C>);
    CHECK(blocks[count++] != nullptr);
    // One, no more than is needed; and others have their turn before it is looked for memory again.
    // Caches give up all their spans.
    const size_t used_now = w.stats().used_bytes;
    CHECK(used_now <= used);
    if (!support::owns_spans<C>) CHECK(used_now == used);
    CHECK(support::WatchedLock::times_taken() >= times + 2);
  }
  CHECK(w.heap.allocate(span_of<C>) == nullptr);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a request that nothing could help to meet throws nothing away", C,
                   SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  void* const acquisition = w.heap.allocate(C::options.acquire_size);
  void* ones[8];
  for (void*& one : ones) one = w.heap.allocate(16);
  REQUIRE((acquisition != nullptr && ones[7] != nullptr));
  for (void* one : ones) w.heap.deallocate(one);
  w.heap.deallocate(acquisition);
  const Stats before = w.stats();
  REQUIRE(before.free_bytes >= C::options.acquire_size);
  const size_t discards = w.source().discards();
  const size_t calls = w.source().calls();
  for (int i = 0; i < 10; i++) {
    CHECK(w.heap.allocate(support::opaque(SIZE_MAX / 4)) == nullptr);
    CHECK(w.heap.pages().allocate(SIZE_MAX / 4 / C::options.page_size) == nullptr);
  }
  const Stats after = w.stats();
  CHECK(after.acquired_bytes == before.acquired_bytes);
  CHECK(after.used_bytes == before.used_bytes);  // the bins' empty spans are theirs
  CHECK(after.cached_bytes == before.cached_bytes);
  CHECK(w.source().discards() == discards);
  CHECK(w.source().calls() <= calls + 10 * (support::has_caches ? 4 : 3));
  CHECK(after.failures == before.failures + 20);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("memory in empty spans is found for large blocks too", C, support::SmallRadix,
                   support::ThreeLevels, support::Firmware, support::Unchecked) {
  World<C> w(64 * KiB);
  size_t count = 0;
  while ((blocks[count] = w.heap.allocate(span_of<C>)) != nullptr) count++;
  for (size_t i = 0; i < count; i++) w.heap.deallocate(blocks[i]);
  void* const small = w.heap.allocate(16);
  w.heap.deallocate(small);  // one empty span stays in its bin
  size_t size = 0;
  for (size_t n = 64 * KiB; n != 0 && size == 0; n -= 256) {
    void* const block = w.heap.allocate(n);
    if (block != nullptr) size = n;
    w.heap.deallocate(block);
  }
  CHECK(size >= 24 * KiB);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("the handler is told the size, without the lock, and asked until it gives up", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  Handling::reset();
  CHECK((w.heap.set_out_of_memory_handler(&Handling::handler) == nullptr));
  Handling::answers_yes = 3;
  const size_t impossible = support::arena_bytes * 2;
  CHECK(w.heap.allocate(impossible) == nullptr);
  CHECK(Handling::calls == 4);
  CHECK(Handling::bytes == impossible);
  CHECK_FALSE(Handling::lock_was_held);
  CHECK(w.stats().failures == 1);  // one request
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a request that can be met does not call the handler", C, SUPPORT_WORLDS) {
  World<C> w;
  Handling::reset();
  w.heap.set_out_of_memory_handler(&Handling::handler);
  void* const block = w.heap.allocate(8);
  w.heap.deallocate(block);
  CHECK(Handling::calls == 0);
}

TEST_CASE_TEMPLATE("a handler that frees something makes the request succeed", C, SUPPORT_WORLDS) {
  static World<C>* world;
  static void* to_free;
  World<C> w;
  world = &w;
  Handling::reset();
  to_free = w.heap.allocate(span_of<C>);
  exhaust(w, blocks, most_blocks);
  w.heap.set_out_of_memory_handler(&Handling::handler);
  Handling::answers_yes = 1;
  Handling::act = [] {
    world->heap.deallocate(to_free);
    to_free = nullptr;
  };
  const size_t failures = w.stats().failures;
  CHECK(w.heap.allocate(span_of<C>) != nullptr);
  CHECK(Handling::calls == 1);
  CHECK(w.stats().failures == failures);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a handler that uses the heap itself leaves it sound", C, SUPPORT_WORLDS) {
  // It gives the bin a span behind the back of the request that waits for one.
  static World<C>* world;
  static void* to_free[2];
  World<C> w;
  world = &w;
  Handling::reset();
  for (void*& block : to_free) block = w.heap.allocate(span_of<C>);
  REQUIRE(to_free[1] != nullptr);
  exhaust(w, blocks, most_blocks);
  while (w.heap.allocate(24) != nullptr) {
  }
  w.heap.set_out_of_memory_handler(&Handling::handler);
  Handling::answers_yes = 1;
  Handling::act = [] {
    for (void* block : to_free) world->heap.deallocate(block);
    void* const scratch = world->heap.allocate(24);
    world->heap.deallocate(scratch);
  };
  void* const block = w.heap.allocate(24);
  CHECK(block != nullptr);
  CHECK_SOUND(w);
  w.heap.deallocate(block);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a handler is called for sizes that no heap can serve only if memory could help",
                   C, SUPPORT_WORLDS) {
  World<C> w;
  Handling::reset();
  w.heap.set_out_of_memory_handler(&Handling::handler);
  Handling::answers_yes = 2;
  CHECK(w.heap.allocate(support::opaque(SIZE_MAX)) == nullptr);
  CHECK(w.stats().failures == 1);
  CHECK(Handling::calls <= 3);
}

TEST_CASE_TEMPLATE("setting a handler returns the previous one", C, SUPPORT_WORLDS) {
  World<C> w;
  // Pointers to functions do not print.
  CHECK((w.heap.set_out_of_memory_handler(&Handling::handler) == nullptr));
  CHECK((w.heap.set_out_of_memory_handler(&other_handler) == &Handling::handler));
  CHECK((w.heap.set_out_of_memory_handler(nullptr) == &other_handler));
  CHECK((w.heap.set_out_of_memory_handler(nullptr) == nullptr));
}

namespace {

// A configuration that wants to know of failures.
struct Telling : support::Configuration<support::three_levels> {
  static inline constinit int failures = 0;
  static inline constinit bool lock_was_held = false;
  static void exhausted() noexcept {
    failures++;
    lock_was_held = lock_was_held || support::WatchedLock::is_held();
  }
};

}  // namespace

TEST_CASE("a configuration is told of each failed allocation, once") {
  World<Telling> w;
  Telling::failures = 0;
  CHECK(w.heap.allocate(support::opaque(SIZE_MAX)) == nullptr);
  CHECK(Telling::failures == 1);
  CHECK(w.heap.allocate(support::arena_bytes * 2) == nullptr);
  CHECK(Telling::failures == 2);
  CHECK(w.heap.allocate_zeroed(support::opaque(SIZE_MAX / 2 + 1)) == nullptr);
  CHECK(Telling::failures == 3);
  void* const block = w.heap.allocate(8);
  CHECK(w.heap.reallocate(block, support::arena_bytes * 2) == nullptr);
  CHECK(Telling::failures == 4);
  w.heap.deallocate(block);
  CHECK(Telling::failures == 4);
  CHECK_FALSE(Telling::lock_was_held);
}

TEST_CASE_TEMPLATE("a pool of any size, however small, is used to its last slot", C,
                   support::Firmware, support::Smallest, support::UncheckedFirmware) {
  for (size_t bytes = 300; bytes < 9'000; bytes += 251) {
    World<C> w(bytes);
    size_t count = 0;
    size_t taken = 0;
    while (void* const block = w.heap.allocate(16)) {
      REQUIRE(bytes_from(support::arena, block) + 16 <= bytes);
      support::fill(block, 16, 0xff);
      blocks[count++] = block;
      taken += 16;
    }
    CHECK(taken == w.given() / span_of<C> * span_of<C>);
    CHECK_SOUND(w);
    for (size_t i = 0; i < count; i++) w.heap.deallocate(blocks[i]);
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("an aligned block that was freed can be had again when all else is taken", C,
                   SUPPORT_WORLDS) {
  if (C::options.page_size > 16 * KiB) return;  // the arena is too small
  constexpr size_t page = C::options.page_size;
  World<C> w;
  void* const block = w.heap.allocate(4 * page, 4 * page);
  REQUIRE(block != nullptr);
  size_t count = 0;
  while ((blocks[count] = w.heap.pages().allocate(1)) != nullptr) count++;
  w.heap.deallocate(block);
  void* const again = w.heap.allocate(4 * page, 4 * page);
  CHECK(again == block);
  w.heap.deallocate(again);
  for (size_t i = 0; i < count; i++) w.heap.pages().deallocate(blocks[i]);
  CHECK_SOUND(w);
}
