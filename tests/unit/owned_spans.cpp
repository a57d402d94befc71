// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/internal/caches/owned_spans.hpp, through the heap: what one thread and another one do with
// the spans that caches own. One thread plays two cores.
#include "support/bytes.hpp"
#include "support/test.hpp"
#include "support/two_cores.hpp"

using namespace rsb;
using support::locks_of;
using support::of;
using support::on;
using support::World;

namespace {

template <Checks checks>
struct TwoCores : support::Configuration<support::with_checks(support::three_levels, checks)> {
  using Seats = support::SeatsOfCores;
  static constexpr CacheOptions caches = support::with_spans;
};
using Checked = TwoCores<Checks::basic>;
using Unchecked = TwoCores<Checks::off>;

// As a cache whose thread cannot be made to stand still.
struct Deaf : Checked {
  struct Seats : support::SeatsOfCores {
    static bool heavy_barrier() noexcept { return false; }
  };
};

using Moving = support::Moving<Checked>;

constexpr size_t size = 64;
constexpr size_t slots_of_span = Checked::options.span_size / size;

template <size_t count>
constexpr size_t length(void* (&)[count]) {
  return count;
}

template <class W, size_t count>
void allocate(W& w, void* (&blocks)[count]) {
  for (void*& block : blocks) block = w.heap.allocate(size);
}
template <class W, size_t count>
void release(W& w, void* (&blocks)[count]) {
  for (void* const block : blocks) w.heap.deallocate(block);
}

size_t number_of_span(const void* block) {
  return bytes_from(support::arena, block) / Checked::options.span_size;
}

}  // namespace

TEST_CASE_TEMPLATE("what goes back into a span of its own takes no lock", C, Checked, Unchecked) {
  World<C> w;
  void* blocks[slots_of_span];
  allocate(w, blocks);
  // All but a magazine's go back into one span, or two, of which one was never full.
  for (int round = 0; round < 3; round++) {
    release(w, blocks);
    allocate(w, blocks);
  }
  CHECK(locks_of([&] { release(w, blocks); }) == 0);
  CHECK(locks_of([&] { allocate(w, blocks); }) <= 2);
  release(w, blocks);
  CHECK(w.stats().live_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a thread that releases a whole span's slots passes it on", C, Checked,
                   Unchecked) {
  World<C> w;
  void* blocks[8 * slots_of_span];
  allocate(w, blocks);
  const Stats before = w.stats();
  on(1, [&] { release(w, blocks); });
  const Stats after = w.stats();
  CHECK(after.live_blocks == 0);
  // Of eight spans and one that is not used up, what is left is in two caches.
  CHECK(after.used_bytes <= before.used_bytes / 2);
  CHECK(after.cached_bytes <= after.used_bytes);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("what others release of a thread's span is there for it again", C, Checked,
                   Unchecked) {
  World<C> w;
  void* blocks[slots_of_span];
  for (int round = 0; round < 20; round++) {
    CAPTURE(round);
    allocate(w, blocks);
    const Stats before = w.stats();
    on(1, [&] { release(w, blocks); });
    CHECK(w.stats().live_blocks == 0);
    CHECK(w.stats().used_bytes <= before.used_bytes);
    CHECK(w.stats().used_bytes <= 5 * C::options.span_size);  // two caches, a magazine in each
  }
  CHECK(w.heap.trim() != 0);
  CHECK(w.stats().used_bytes == 0);
  CHECK_SOUND(w);
}

TEST_CASE("slots of one span are handed out one after the other, however they came back") {
  World<Checked> w;
  void* blocks[16 * slots_of_span];
  allocate(w, blocks);
  // One of each span in turn.
  for (size_t i = 0; i < slots_of_span; i++) {
    for (size_t k = i; k < length(blocks); k += slots_of_span) w.heap.deallocate(blocks[k]);
  }
  allocate(w, blocks);
  size_t changes = 0;
  for (size_t i = 1; i < length(blocks); i++) {
    changes += number_of_span(blocks[i]) != number_of_span(blocks[i - 1]);
  }
  CHECK(changes < length(blocks) / 4);
  release(w, blocks);
  CHECK_SOUND(w);
}

TEST_CASE("free slots in the spans of caches are cached ones, and limited") {
  World<Checked> w;
  void* blocks[32 * slots_of_span];
  for (unsigned core : {0u, 1u}) {
    allocate(w, blocks);
    on(core, [&] {
      // Never all of a span.
      for (size_t i = 0; i < length(blocks); i++) {
        if (i % slots_of_span == 0) continue;
        w.heap.deallocate(blocks[i]);
        const Stats s = w.stats();
        REQUIRE(s.cached_bytes <= 2 * Checked::caches.bytes);
        REQUIRE(s.live_blocks == length(blocks) - (i - i / slots_of_span));
      }
    });
    CHECK(w.stats().cached_bytes >= 2 * KiB);
    CHECK_SOUND(w);
    for (size_t i = 0; i < length(blocks); i += slots_of_span) w.heap.deallocate(blocks[i]);
  }
  CHECK(w.stats().live_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE("a block that lies in an owned span is refused as a free one, and a write to it found") {
  for (const unsigned by : {0u, 1u}) {  // 1: it lies among those that others gave back
    CAPTURE(by);
    World<Checked> w;
    void* blocks[2 * slots_of_span];
    allocate(w, blocks);
    // Never all of a span, or it is one no more.
    const auto is_kept = [](size_t i) { return i % slots_of_span == 0; };
    for (size_t i = 0; i < length(blocks); i++) {
      if (!is_kept(i)) on(by, [&] { w.heap.deallocate(blocks[i]); });
    }
    for (size_t i = 0; i < length(blocks); i++) {
      if (is_kept(i)) continue;
      CHECK(support::fault_of([&] { w.heap.deallocate(blocks[i]); }) == of(Fault::double_free));
      CHECK(support::fault_of([&] { support::drop(w.heap.usable_size(blocks[i])); }) ==
            of(Fault::double_free));
    }
    // One after the other is handed out, until the one that was written to.
    char* const victim = static_cast<char*>(blocks[slots_of_span / 2]);
    char before[8];
    __builtin_memcpy(before, victim, sizeof before);
    __builtin_memset(victim, 0x5a, sizeof before);
    bool is_found = false;
    void* again[2 * slots_of_span + 16];
    size_t count = 0;
    for (; count < length(again) && !is_found; count += !is_found) {
      is_found = support::fault_of([&] { again[count] = w.heap.allocate(size); }) ==
                 of(Fault::overwritten_link);
    }
    const bool is_named =
        is_found ? support::fault_address() == victim : inspect(w.heap).check() != nullptr;
    CHECK(is_named);
    __builtin_memcpy(victim, before, sizeof before);
    for (size_t i = 0; i < count; i++) w.heap.deallocate(again[i]);
    for (size_t i = 0; i < length(blocks); i += slots_of_span) w.heap.deallocate(blocks[i]);
    CHECK(w.stats().live_blocks == 0);
    CHECK_SOUND(w);
  }
}

TEST_CASE("what a cache has no room for is there for others") {
  World<Checked> w;
  void* blocks[32 * slots_of_span];
  void* others[16 * (slots_of_span - 1)];
  allocate(w, blocks);
  for (size_t i = 0; i < length(blocks); i++) {
    if (i % slots_of_span != 0) w.heap.deallocate(blocks[i]);
  }
  const Stats before = w.stats();
  on(1, [&] { allocate(w, others); });
  CHECK(w.stats().used_bytes <= before.used_bytes + 2 * Checked::options.span_size);
  release(w, others);
  for (size_t i = 0; i < length(blocks); i += slots_of_span) w.heap.deallocate(blocks[i]);
  CHECK_SOUND(w);
}

TEST_CASE("an idle cache keeps few spans from those who release all else of them") {
  World<Checked> w;
  void* blocks[128 * slots_of_span];
  allocate(w, blocks);
  on(1, [&] {
    for (size_t i = 0; i < length(blocks); i += slots_of_span) w.heap.deallocate(blocks[i]);
  });
  for (size_t i = 0; i < length(blocks); i++) {
    if (i % slots_of_span != 0) w.heap.deallocate(blocks[i]);
  }
  CHECK(w.stats().live_blocks == 0);
  CHECK(w.stats().used_bytes <= 2 * Checked::caches.most_bytes);
  CHECK_SOUND(w);
}

TEST_CASE("a thread that moves to another core in the middle loses no slot") {
  World<Moving> w;
  void* blocks[64] = {};
  support::use_while_moving<Moving::Seats>(
      w, blocks, [](support::Random& random) { return random.below(2) == 0 ? size : 4 * size; });
  CHECK(w.stats().live_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE("caches that cannot be seized own no spans") {
  World<Deaf> w;
  void* blocks[8 * slots_of_span];
  allocate(w, blocks);
  for (size_t i = 0; i < length(blocks); i++) {
    if (i % slots_of_span != 0) w.heap.deallocate(blocks[i]);
  }
  CHECK(w.stats().cached_blocks <= Deaf::caches.magazine);
  CHECK(w.stats().cached_blocks != 0);
  for (size_t i = 0; i < length(blocks); i += slots_of_span) w.heap.deallocate(blocks[i]);
  CHECK(w.stats().live_blocks == 0);
}

TEST_CASE("what a cache owns goes along with it, and back when the cache is emptied") {
  World<Checked> w;
  void* blocks[4 * slots_of_span];
  allocate(w, blocks);
  release(w, blocks);
  w.heap.give_back_cache();
  CHECK(w.stats().cached_blocks != 0);
  on(1, [&] {
    CHECK(locks_of([&] { w.heap.deallocate(w.heap.allocate(size)); }) <= 3);
    w.heap.give_back_cache();
  });
  CHECK(w.heap.trim() != 0);
  CHECK(w.stats().used_bytes == 0);
  CHECK_SOUND(w);
}
