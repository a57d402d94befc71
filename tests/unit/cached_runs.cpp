// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/internal/caches/cached_runs.hpp, through the heap: the large blocks that caches keep. One
// thread plays two cores.
#include "support/bytes.hpp"
#include "support/test.hpp"
#include "support/two_cores.hpp"

using namespace rsb;
using support::locks_of;
using support::of;
using support::on;
using support::World;

namespace {

constexpr CacheOptions with_runs{.bytes = 2 * KiB,
                                 .most_bytes = 2 * KiB,
                                 .run_bytes = 32 * KiB,
                                 .magazine = 32,
                                 .batch = 8,
                                 .batch_bytes = 512};

template <Checks checks, class Source = support::ScriptedPages>
struct TwoCores
    : support::Configuration<support::with_checks(support::three_levels, checks), Source> {
  using Seats = support::SeatsOfCores;
  static constexpr CacheOptions caches = with_runs;
};
using Checked = TwoCores<Checks::basic>;
using Unchecked = TwoCores<Checks::off, support::ZeroedPages>;
using Moving = support::Moving<Checked>;

// Where the limit is no length of a whole class: between 32 and 36 pages.
struct OddLimit : Checked {
  static constexpr CacheOptions caches = [] {
    CacheOptions o = with_runs;
    o.run_bytes = 35 * KiB;
    return o;
  }();
};

// Something else happens when a thread next stays on its core for a while.
struct Interrupted : Checked {
  struct Seats : support::SeatsOfCores {
    static void pin() noexcept {
      auto* const f = meanwhile;
      meanwhile = nullptr;
      if (f != nullptr) f();
    }
    static void unpin() noexcept {}
    static inline void (*meanwhile)() = nullptr;
  };
};

constexpr size_t page = Checked::options.page_size;
constexpr size_t longest = with_runs.run_bytes;

// Both cores have a cache: no run is kept for one alone.
template <class C>
struct Shared : World<C> {
  Shared() { share(); }

  // Again, when all caches were emptied, as by CHECK_SOUND.
  void share() {
    for (const unsigned core : {0u, 1u}) {
      on(core, [&] { this->heap.deallocate(this->heap.allocate(64)); });
    }
    slots_ = this->stats().cached_bytes;
  }

  // In runs.
  size_t cached_bytes() { return this->stats().cached_bytes - slots_; }

 private:
  size_t slots_ = 0;
};

// Until the length's class was found both empty and full some times, so that more than one are
// kept.
template <class C>
void make_wanted(Shared<C>& w, size_t bytes) {
  void* blocks[16];
  const size_t count = smaller(size_t{16}, 64 * KiB / bytes);
  for (int round = 0; round < 8; round++) {
    for (size_t i = 0; i < count; i++) REQUIRE((blocks[i] = w.heap.allocate(bytes)) != nullptr);
    for (size_t i = 0; i < count; i++) w.heap.deallocate(blocks[i]);
  }
}

}  // namespace

TEST_CASE("lengths are rounded to eight steps a doubling") {
  for (size_t pages = 1; pages < 4096; pages++) {
    CAPTURE(pages);
    const size_t rounded = rounded_run(pages);
    REQUIRE(rounded >= pages);
    REQUIRE(rounded * 8 <= pages * 9);
    REQUIRE(rounded_run(rounded) == rounded);
    REQUIRE(run_length_class(rounded) - run_length_class(pages) ==
            (rounded != pages && pages > 15));
    // The class begins there.
    REQUIRE(run_length_class(rounded - 1) + 1 == run_length_class(rounded));
  }
}

TEST_CASE_TEMPLATE("a large block is kept for the next request of its length, without the lock", C,
                   Checked, Unchecked) {
  Shared<C> w;
  for (const size_t bytes : {2 * page, 7 * page - 5, 16 * page, longest}) {
    CAPTURE(bytes);
    void* const first = w.heap.allocate(bytes);
    w.heap.deallocate(first);
    CHECK(w.cached_bytes() >= bytes);
    void* second = nullptr;
    CHECK(locks_of([&] { second = w.heap.allocate(bytes); }) == 0);
    CHECK(second == first);
    CHECK(w.heap.usable_size(second) >= bytes);
    CHECK(locks_of([&] { w.heap.deallocate(second); }) == 0);
    CHECK_SOUND(w);
    w.share();
  }
  CHECK(w.stats().live_blocks == 0);
  CHECK(w.stats().large_blocks == 0);
}

TEST_CASE("none is kept for a thread that alone has a cache, nor what is too long") {
  {
    World<Checked> w;
    w.heap.deallocate(w.heap.allocate(4 * page));
    CHECK(w.stats().cached_bytes == 0);
  }
  Shared<Checked> shared;
  shared.heap.deallocate(shared.heap.allocate(longest + 1));
  CHECK(shared.cached_bytes() == 0);
  // Another's is none for a request that needs more alignment.
  shared.heap.deallocate(shared.heap.allocate(4 * page));
  CHECK(locks_of([&] { shared.heap.deallocate(shared.heap.allocate(4 * page, 4 * page)); }) != 0);
  CHECK_SOUND(shared);
}

TEST_CASE("a limit may be any number of bytes") {
  Shared<OddLimit> w;
  for (size_t pages = 30; pages < 40; pages++) {
    CAPTURE(pages);
    for (int i = 0; i < 3; i++) {
      void* const block = w.heap.allocate(pages * page);
      REQUIRE(block != nullptr);
      CHECK(w.heap.usable_size(block) <= larger(pages, 32) * page);
      w.heap.deallocate(block, pages * page);
    }
    CHECK((w.cached_bytes() != 0) == (pages <= 32));
    CHECK_SOUND(w);
    w.share();
  }
}

TEST_CASE("a block in a cache is no live one, to anybody") {
  for (const unsigned core : {0u, 1u}) {
    CAPTURE(core);
    Shared<Checked> w;
    char* const block = static_cast<char*>(w.heap.allocate(4 * page));
    w.heap.deallocate(block);
    on(core, [&] {
      const auto fault = [](auto f) { return support::fault_of(f); };
      CHECK(fault([&] { w.heap.deallocate(block); }) == of(Fault::double_free));
      CHECK(fault([&] { w.heap.deallocate(block, 4 * page); }) == of(Fault::double_free));
      CHECK(fault([&] { w.heap.deallocate_nowait(block); }) == of(Fault::double_free));
      CHECK(fault([&] { support::drop(w.heap.usable_size(block)); }) == of(Fault::double_free));
      CHECK(fault([&] { support::drop(w.heap.reallocate(block, 4 * page)); }) ==
            of(Fault::double_free));
      CHECK(fault([&] { support::drop(w.heap.reallocate(block, 9 * page)); }) ==
            of(Fault::double_free));
      CHECK(fault([&] { support::drop(w.heap.reallocate(block, 64)); }) == of(Fault::double_free));
    });
    size_t visited = 0;
    inspect(w.heap).walk([&](void*, size_t) { return ++visited != 0; });
    CHECK(visited == 0);
    // The walk has emptied the caches.
    CHECK(w.stats().cached_bytes == 0);
    CHECK(support::fault_of([&] { w.heap.deallocate(block); }) == of(Fault::double_free));
    CHECK_SOUND(w);
  }
}

TEST_CASE("of two threads that release the same block one does, though it is gone by then") {
  static Shared<Interrupted>* world;
  static void* block;
  Shared<Interrupted> w;
  world = &w;
  void* const keeps_span = w.heap.allocate(64);
  block = w.heap.allocate(4 * page);
  Interrupted::Seats::meanwhile = [] {
    on(1, [] { world->heap.deallocate(block); });
    support::drop(world->heap.trim());
    world->share();
  };
  // By now it has been seen to be a live one.
  CHECK(support::fault_of([] { world->heap.deallocate(block); }) == of(Fault::double_free));
  CHECK((Interrupted::Seats::meanwhile == nullptr));
  CHECK(w.cached_bytes() == 0);
  w.heap.deallocate(keeps_span);
  CHECK_SOUND(w);
  CHECK(w.stats().live_blocks == 0);
}

TEST_CASE("where a live block begins, and nowhere else, it is released") {
  Shared<Checked> w;
  char* const block = static_cast<char*>(w.heap.allocate(4 * page));
  CHECK(support::fault_of([&] { w.heap.deallocate(block + 16); }) == of(Fault::interior_pointer));
  CHECK(support::fault_of([&] { w.heap.deallocate(block + page); }) == of(Fault::interior_pointer));
  CHECK(support::fault_of([&] { w.heap.deallocate(block + 1); }) == of(Fault::misaligned_pointer));
  CHECK(w.cached_bytes() == 0);
  w.heap.deallocate(block);
  CHECK_SOUND(w);
}

TEST_CASE("a size is that of a block if a cache might have given the block for it") {
  Shared<Checked> w;
  make_wanted(w, 18 * page);
  void* const block = w.heap.allocate(17 * page);
  REQUIRE(w.heap.usable_size(block) == 18 * page);
  for (const size_t other : {15 * page, 19 * page, 2 * page, size_t{64}}) {
    CAPTURE(other);
    CHECK(support::fault_of([&] { w.heap.deallocate(block, other); }) == of(Fault::size_mismatch));
  }
  w.heap.deallocate(block, 17 * page);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("zeroed memory is zero, whatever was in the block", C, Checked, Unchecked) {
  Shared<C> w;
  for (int round = 0; round < 3; round++) {
    void* blocks[6];
    for (void*& block : blocks) {
      block = w.heap.allocate_zeroed(3 * page);
      const size_t bytes = w.heap.usable_size(block);
      CHECK(support::holds_only(block, bytes, 0));
      __builtin_memset(block, 0x5a, bytes);
    }
    for (void* const block : blocks) w.heap.deallocate(block);
  }
  CHECK_SOUND(w);
}

TEST_CASE("who only releases keeps one of a length, and who only allocates gets some at a time") {
  Shared<Checked> w;
  void* blocks[40];
  const auto allocate_all = [&] {
    for (void*& block : blocks) block = w.heap.allocate(2 * page);
  };
  CHECK(locks_of(allocate_all) < 40);  // and some for acquisitions
  on(1, [&] {
    for (void* const block : blocks) w.heap.deallocate(block);
    CHECK(w.cached_bytes() <= 6 * 2 * page);  // what was fetched last on core 0, and one
  });
  CHECK(w.stats().live_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE("what caches keep is limited, and what was released last stays") {
  Shared<Checked> w;
  for (const unsigned core : {0u, 1u}) {
    on(core, [&] {
      for (const size_t bytes : {2 * page, 3 * page, 5 * page, 9 * page}) make_wanted(w, bytes);
      make_wanted(w, 8 * page);
      // Of all caches, then of one.
      CHECK(w.cached_bytes() <= 2 * with_runs.run_bytes);
      CHECK(w.cached_bytes() >= with_runs.run_bytes / 4);
      void* const last = w.heap.allocate(8 * page);
      w.heap.deallocate(last);
      CHECK(w.heap.allocate(8 * page) == last);
      w.heap.deallocate(last);
    });
    CHECK_SOUND(w);
    w.share();
  }
  CHECK(w.stats().live_blocks == 0);
}

TEST_CASE("of a length that is allocated and released in turn, more are kept") {
  Shared<Checked> w;
  make_wanted(w, 2 * page);
  void* blocks[8];
  for (void*& block : blocks) block = w.heap.allocate(2 * page);
  const size_t before = w.cached_bytes();
  for (void* const block : blocks) w.heap.deallocate(block);
  CHECK(w.cached_bytes() == before + 8 * 2 * page);
  CHECK(locks_of([&] {
          for (void*& block : blocks) block = w.heap.allocate(2 * page);
        }) == 0);
  for (void* const block : blocks) w.heap.deallocate(block);
  CHECK_SOUND(w);
}

TEST_CASE("what one cache has no room for, since another has it all, goes back at once") {
  Shared<Checked> w;
  const auto hoard = [&] {
    for (size_t pages = 2; pages < 12; pages++) make_wanted(w, pages * page);
    return w.cached_bytes();
  };
  const size_t most = hoard();
  CHECK(most > with_runs.run_bytes);
  void* const block = w.heap.allocate(longest);
  REQUIRE(block != nullptr);
  const size_t before = w.stats().used_bytes;
  on(1, [&] { w.heap.deallocate(block); });
  CHECK(w.stats().used_bytes == before - longest);
  // And the other can, once that one is emptied.
  CHECK(w.heap.trim() != 0);
  w.share();
  on(1, [&] { CHECK(hoard() > with_runs.run_bytes); });
  CHECK_SOUND(w);
}

TEST_CASE("once the other thread has given up its cache, runs are kept no more") {
  Shared<Checked> w;
  void* const block = w.heap.allocate(4 * page);
  on(1, [&] { w.heap.give_back_cache(); });
  const size_t before = w.stats().cached_bytes;
  w.heap.deallocate(block);
  CHECK(w.stats().cached_bytes == before);
  w.share();
  w.heap.deallocate(w.heap.allocate(4 * page));
  CHECK(w.cached_bytes() == 4 * page);
  CHECK_SOUND(w);
}

TEST_CASE("what is in caches is there for who would get nothing") {
  Shared<Checked> w;
  void* blocks[256];
  size_t count = 0;
  while (count < 256 && (blocks[count] = w.heap.allocate(8 * page)) != nullptr) count++;
  REQUIRE(count < 256);
  on(1, [&] { w.heap.deallocate(blocks[--count]); });
  CHECK(w.cached_bytes() != 0);
  void* const other = w.heap.allocate(7 * page);
  CHECK(other != nullptr);
  w.heap.deallocate(other);
  w.heap.deallocate(blocks[--count]);
  // One alone has all that the heap has.
  while (count != 0) w.heap.deallocate(blocks[--count]);
  CHECK(w.heap.trim() != 0);
  CHECK(w.stats().cached_bytes == 0);
  CHECK(w.stats().used_bytes == 0);
  CHECK_SOUND(w);
}

TEST_CASE("a region goes although caches kept blocks of it, and comes back") {
  Shared<Checked> w;
  make_wanted(w, 4 * page);
  alignas(1024) static char memory[64 * 1024];
  const size_t added = w.add_region(memory, sizeof memory);
  REQUIRE(added != 0);
  void* blocks[64];
  size_t count = 0;
  size_t inside = 0;
  while (count < 64 && (blocks[count] = w.heap.allocate(4 * page)) != nullptr) {
    inside += bytes_from(memory, blocks[count++]) < sizeof memory;
  }
  CHECK(inside != 0);
  while (count != 0) w.heap.deallocate(blocks[--count]);
  CHECK(w.remove_region(memory, sizeof memory) == added);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("zeroed memory of a region is zero, whatever was in the region", C, Checked,
                   Unchecked) {
  Shared<C> w;
  make_wanted(w, 4 * page);
  alignas(1024) static char memory[64 * 1024];
  support::fill(memory, sizeof memory, 0x5a);
  REQUIRE(w.add_region(memory, sizeof memory) != 0);
  size_t inside = 0;
  for (;;) {
    void* const block = w.heap.allocate_zeroed(4 * page);
    if (block == nullptr) break;
    CHECK(support::holds_only(block, 4 * page, 0));
    inside += bytes_from(memory, block) < sizeof memory;
  }
  CHECK(inside != 0);
}

TEST_CASE("a block of a cache grows within its length where it stands, and keeps what is in it") {
  Shared<Checked> w;
  make_wanted(w, 18 * page);
  char* const block = static_cast<char*>(w.heap.allocate(17 * page));
  __builtin_memset(block, 0x5a, 17 * page);
  void* moved = nullptr;
  CHECK(locks_of([&] { moved = w.heap.reallocate(block, 18 * page); }) == 0);
  CHECK(moved == block);
  moved = w.heap.reallocate(block, 40 * page);
  CHECK(support::holds_only(moved, 17 * page, 0x5a));
  moved = w.heap.reallocate(moved, 3 * page);
  CHECK(support::holds_only(moved, 3 * page, 0x5a));
  w.heap.deallocate(moved);
  CHECK(w.stats().live_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE("a thread that moves to another core in the middle loses no run") {
  Shared<Moving> w;
  void* blocks[24] = {};
  support::use_while_moving<Moving::Seats>(
      w, blocks, [](support::Random& random) { return (2 + random.below(5)) * page; });
  CHECK(w.stats().live_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE("what a core that is gone had kept is claimed with its cache, or goes back") {
  Shared<Checked> w;
  void* const block = w.heap.allocate(6 * page);
  w.heap.deallocate(block);
  w.heap.give_back_cache();
  on(1, [&] {
    w.heap.deallocate(w.heap.allocate(64));
    w.heap.give_back_cache();
  });
  CHECK(w.heap.trim() != 0);
  CHECK(w.stats().used_bytes == 0);
  CHECK_SOUND(w);
}
