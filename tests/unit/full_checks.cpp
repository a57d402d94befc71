// SPDX-License-Identifier: MIT OR Apache-2.0
// Checks::full: what it finds besides what Checks::basic does, in all kinds of heaps, and that the
// heap is as usual for whoever does nothing wrong.
#include "support/full_worlds.hpp"
#include "support/test.hpp"
#include "support/worlds.hpp"

#ifndef RSB_TEST_CACHES
#include "rsb/small_inspector.hpp"
#endif

using namespace rsb;
using support::FullPool;
using support::FullRadix;
using support::FullSpans;
using support::of;
using support::queue;

namespace {

// Nothing waits, and not all is filled.
struct FullBriefly
    : support::Configuration<support::with_checks(support::three_levels, Checks::full)> {
  static constexpr FullOptions full{.fill_bytes = 24, .queue_blocks = 0};
};

struct FullClearing
    : support::Configuration<support::with_checks(support::three_levels, Checks::full)> {
  static constexpr FullOptions full{
      .fill_bytes = 80, .clears = true, .queue_bytes = 8 * KiB, .queue_blocks = 8};
};

template <class Config>
struct Fixture : support::World<Config> {
  static constexpr bool waits = Config::full.queue_blocks > 1;
  static constexpr bool has_slots = true;  // so memory is not used again for other sizes
};

#ifndef RSB_TEST_CACHES
struct FullSmall {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.checks = Checks::full, .deferred_batch = 2};
  static constexpr FullOptions full = queue;
};
struct FullWords {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.checks = Checks::full, .words = true, .deferred_batch = 2};
  static constexpr FullOptions full = queue;
};

template <class Config>
struct SmallFixture {
  static constexpr bool waits = true;
  static constexpr bool has_slots = false;
  SmallFixture() { heap.add_region(support::arena, 64 * KiB); }
  const char* problem() { return inspect(heap).check(); }
  auto stats() { return inspect(heap).stats(); }
  SmallHeap<Config> heap;
};
template <>
struct Fixture<FullSmall> : SmallFixture<FullSmall> {};
template <>
struct Fixture<FullWords> : SmallFixture<FullWords> {};
#define FULL_WORLDS FullRadix, FullPool, FullSpans, FullBriefly, FullSmall, FullWords
#else
#define FULL_WORLDS FullRadix, FullPool, FullSpans, FullBriefly
#endif

template <class F>
int fault_of_free(F& f, void* block) {
  return support::fault_of([&] { f.heap.deallocate(block); });
}

// Of slots, and of whole pages where the arena has them.
constexpr size_t sizes[] = {0, 1, 3, 8, 13, 24, 100, 250, 500, 1'500, 5'000};

// What is written before a live block is found by a check.
template <class C>
void expect_lost_record(size_t size, size_t alignment) {
  constexpr size_t record = sizeof(void*) == 8 ? 32 : 16;
  for (const size_t before : {size_t{1}, size_t{8}, record}) {
    Fixture<C> f;
    void* const former = f.heap.allocate(size, alignment);
    support::drop(f.heap.allocate(size, alignment));
    auto* const block = static_cast<unsigned char*>(f.heap.allocate(size, alignment));
    REQUIRE(block != nullptr);
    f.heap.deallocate(former);
    CHECK_SOUND(f);
    unsigned char bytes[record];
    unsigned char* const changed = support::opaque(block) - before;
    __builtin_memcpy(bytes, changed, before);
    support::fill(changed, before, before == record ? 0 : 0x41);
    auto inspector = inspect(f.heap);
    CHECK(inspector.check() != nullptr);
    CHECK(inspector.damage().fault == Fault::underflow);
    CHECK(f.heap.block_with(inspector.damage().block) == f.heap.block_with(block));
    __builtin_memcpy(changed, bytes, before);
    CHECK_SOUND(f);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("one byte behind a block is found when it is released", C, FULL_WORLDS) {
  for (const size_t size : sizes) {
    for (const size_t offset : {size_t{0}, size_t{3}, size_t{7}}) {
      Fixture<C> f;
      auto* const block = static_cast<unsigned char*>(f.heap.allocate(size));
      REQUIRE(block != nullptr);
      support::fill(block, size, 0x11);
      unsigned char& beyond = support::opaque(block)[size + offset];
      beyond = static_cast<unsigned char>(beyond ^ 0x10);
      CHECK(f.problem() != nullptr);
      CHECK(fault_of_free(f, block) == of(Fault::overflow));
      CHECK(support::fault_address() == block);
      CHECK(support::fault_of([&] { support::drop(f.heap.reallocate(block, size + 1)); }) ==
            of(Fault::overflow));
      CHECK_FALSE(support::WatchedLock::is_held());
    }
  }
}

TEST_CASE_TEMPLATE("one byte before a block is found when it is released", C, FULL_WORLDS) {
  for (const size_t size : sizes) {
    for (const size_t offset : {size_t{1}, size_t{2}, size_t{8}, size_t{16}}) {
      Fixture<C> f;
      auto* const block = static_cast<unsigned char*>(f.heap.allocate(size));
      REQUIRE(block != nullptr);
      unsigned char& before = *(support::opaque(block) - offset);
      before = static_cast<unsigned char>(before ^ 0x10);
      CHECK(fault_of_free(f, block) == of(Fault::underflow));
      CHECK(support::fault_address() == block);
    }
  }
}

TEST_CASE_TEMPLATE("zeroes before a block are found, as any other bytes", C, FULL_WORLDS) {
  for (const size_t bytes : {size_t{1}, size_t{4}, size_t{8}}) {
    Fixture<C> f;
    auto* const block = static_cast<unsigned char*>(f.heap.allocate(100));
    REQUIRE(block != nullptr);
    support::fill(support::opaque(block) - bytes, bytes, 0);
    CHECK(fault_of_free(f, block) == of(Fault::underflow));
  }
}

TEST_CASE_TEMPLATE("and before one that waits it is found by a check", C, FULL_WORLDS) {
  if constexpr (Fixture<C>::waits) {
    for (const size_t before : {size_t{1}, 3 * sizeof(void*)}) {
      Fixture<C> f;
      auto* const block = static_cast<unsigned char*>(f.heap.allocate(500));
      REQUIRE(block != nullptr);
      f.heap.deallocate(block);
      CHECK_SOUND(f);
      unsigned char& changed = *(support::opaque(block) - before);
      changed = static_cast<unsigned char>(changed ^ 0x41);
      CHECK(f.problem() != nullptr);
      auto inspector = inspect(f.heap);
      CHECK(inspector.check() != nullptr);
      CHECK(inspector.damage().fault == Fault::underflow);
      CHECK(inspector.damage().block == block);
      CHECK(support::fault_of([&] { f.heap.trim(); }) == of(Fault::underflow));
    }
  }
}

TEST_CASE_TEMPLATE("nor is it taken for a write into what was there before", C, FULL_WORLDS) {
  Fixture<C> f;
  auto* const former = static_cast<unsigned char*>(f.heap.allocate(300, 256));
  support::drop(f.heap.allocate(400));  // beside it, so that its pages stay
  f.heap.deallocate(former);
  f.heap.trim();
  auto* const block = static_cast<unsigned char*>(f.heap.allocate(520));
  REQUIRE(former != nullptr);
  REQUIRE(block != nullptr);
  if (Fixture<C>::has_slots) CHECK(bytes_from(block, former) < 520);
  unsigned char& before = support::opaque(block)[-1];
  before = static_cast<unsigned char>(before ^ 1);
  CHECK(fault_of_free(f, block) == of(Fault::underflow));
  if (Fixture<C>::has_slots && sizeof(void*) == 8) CHECK(f.problem() != nullptr);
}

TEST_CASE_TEMPLATE("and before one that is never released, too", C, FULL_WORLDS) {
  if constexpr (Fixture<C>::has_slots && sizeof(void*) == 8) {
    for (const size_t size : {size_t{0}, size_t{24}, size_t{100}}) {
      for (const size_t alignment : {size_t{0}, size_t{128}})
        expect_lost_record<C>(size, alignment);
    }
  }
}

TEST_CASE_TEMPLATE("a block for nothing must not be written to", C, FULL_WORLDS) {
  Fixture<C> f;
  void* const block = f.heap.allocate(0);
  REQUIRE(block != nullptr);
  CHECK(f.heap.usable_size(block) == 0);
  *static_cast<char*>(support::opaque(block)) = 0;
  CHECK(fault_of_free(f, block) == of(Fault::overflow));
}

TEST_CASE_TEMPLATE("what is written to a freed block is found when it leaves the queue", C,
                   FULL_WORLDS) {
  for (const size_t size : {size_t{8}, size_t{100}, size_t{500}}) {
    for (const size_t offset : {size_t{0}, size_t{7}, size_t{23}}) {
      Fixture<C> f;
      if (!f.waits || offset >= size) continue;
      auto* const block = static_cast<char*>(f.heap.allocate(size));
      REQUIRE(block != nullptr);
      f.heap.deallocate(block);
      support::opaque(block)[offset] = 0;
      CHECK(f.problem() != nullptr);
      const int fault = support::fault_of([&] {
        for (int i = 0; i < 64; i++) f.heap.deallocate(f.heap.allocate(size));
      });
      CHECK(fault == of(Fault::overwritten_link));
      CHECK(support::fault_address() == block);
    }
  }
}

TEST_CASE_TEMPLATE("and by trim", C, FULL_WORLDS) {
  Fixture<C> f;
  if (!f.waits) return;
  auto* const block = static_cast<char*>(f.heap.allocate(100));
  f.heap.deallocate(block);
  support::opaque(block)[99] = 0;
  CHECK(support::fault_of([&] { f.heap.trim(); }) == of(Fault::overwritten_link));
}

TEST_CASE_TEMPLATE("what is written to a free slot is found when it is handed out again", C,
                   FullRadix, FullPool, FullSpans, FullBriefly) {
  if (sizeof(void*) != 8) return;  // there the heap below needs all of a record
  Fixture<C> f;
  void* const keep = f.heap.allocate(100);
  auto* const block = static_cast<char*>(f.heap.allocate(100));
  f.heap.deallocate(block);
  f.heap.trim();
  support::opaque(block)[20] = 0;
  const int fault = support::fault_of([&] {
    for (int i = 0; i < 500; i++) support::drop(f.heap.allocate(100));
  });
  CHECK(fault == of(Fault::overwritten_link));
  CHECK(support::fault_address() == block);
  f.heap.deallocate(keep);
}

TEST_CASE_TEMPLATE("a double free is found at any delay until the memory is used again", C,
                   FULL_WORLDS) {
  for (const size_t size : sizes) {
    Fixture<C> f;
    void* const block = f.heap.allocate(size);
    void* const keep = f.heap.allocate(size);
    const size_t other_size = size < 100 ? 120 : 8;  // of other spans, which there are already
    void* const others = f.heap.allocate(other_size);
    REQUIRE(others != nullptr);
    f.heap.deallocate(block);
    CHECK(fault_of_free(f, block) == of(Fault::double_free));
    CHECK(support::fault_of([&] { support::drop(f.heap.reallocate(block, 9)); }) ==
          of(Fault::double_free));
    CHECK(support::fault_of([&] { support::drop(f.heap.usable_size(block)); }) ==
          of(Fault::double_free));
    for (int i = 0; f.has_slots && i < 40; i++) {
      void* const other = f.heap.allocate(other_size);
      CHECK(fault_of_free(f, block) == of(Fault::double_free));
      f.heap.deallocate(other);
    }
    f.heap.deallocate(keep);
    f.heap.deallocate(others);
    CHECK_SOUND(f);
  }
}

TEST_CASE_TEMPLATE("pointers into blocks and to elsewhere are named", C, FULL_WORLDS) {
  Fixture<C> f;
  static char elsewhere[64];
  for (const size_t size : {size_t{40}, size_t{250}, size_t{1'500}}) {
    auto* const block = static_cast<char*>(f.heap.allocate(size));
    REQUIRE(block != nullptr);
    CHECK(fault_of_free(f, block + 8) == of(Fault::interior_pointer));
    CHECK(fault_of_free(f, block + 16) == of(Fault::interior_pointer));
    CHECK(fault_of_free(f, block + size - size % 8) == of(Fault::interior_pointer));
    CHECK(fault_of_free(f, block + 1) == of(Fault::misaligned_pointer));
    CHECK(fault_of_free(f, elsewhere + 32) == of(Fault::foreign_pointer));
    f.heap.deallocate(block);
  }
  CHECK_SOUND(f);
}

TEST_CASE_TEMPLATE("a record that was copied over another one is none there", C, FULL_WORLDS) {
  if (!Fixture<C>::waits) return;
  for (const size_t size : {size_t{24}, size_t{100}}) {
    Fixture<C> f;
    auto* const live = static_cast<char*>(f.heap.allocate(size));
    auto* const freed = static_cast<char*>(f.heap.allocate(size));
    REQUIRE(freed != nullptr);
    f.heap.deallocate(freed);
    constexpr size_t record = sizeof(BlockRecord);
    __builtin_memcpy(freed - record, live - record, record + size + BlockRecord::least_tail);
    CHECK(fault_of_free(f, freed) == of(Fault::underflow));
  }
}

TEST_CASE_TEMPLATE("a sized release must name the very size", C, FULL_WORLDS) {
  Fixture<C> f;
  void* const block = f.heap.allocate(100);
  CHECK(support::fault_of([&] { f.heap.deallocate(block, 99); }) == of(Fault::size_mismatch));
  CHECK(support::fault_of([&] { f.heap.deallocate(block, 101); }) == of(Fault::size_mismatch));
  CHECK(support::fault_of([&] { f.heap.expect_size(block, 101); }) == of(Fault::size_mismatch));
  f.heap.expect_size(block, 100);
  f.heap.deallocate(block, 100);
  void* const aligned = f.heap.allocate(100, 64);
  CHECK(support::fault_of([&] { f.heap.deallocate(aligned, 100, 4'096); }) ==
        of(Fault::size_mismatch));
  CHECK(support::fault_of([&] { f.heap.expect_size(aligned, 100, 4'096); }) ==
        of(Fault::size_mismatch));
  f.heap.expect_size(aligned, 100, 64);
  f.heap.deallocate(aligned, 100, 64);
  CHECK_SOUND(f);
}

TEST_CASE_TEMPLATE("a block is released in the way that it was made", C, FULL_WORLDS) {
  Fixture<C> f;
  constexpr Made ways[] = {Made::by_allocate, Made::by_new, Made::by_new_array};
  for (const Made made : ways) {
    for (const Made released : ways) {
      void* const block = f.heap.allocate_as(made, 20, 0, nullptr);
      REQUIRE(block != nullptr);
      const int fault = support::fault_of([&] { f.heap.deallocate_as(released, block); });
      CHECK(fault == (made == released ? support::no_fault : of(Fault::mismatched_release)));
      if (made != released) f.heap.deallocate_as(made, block, 20);
    }
  }
  void* const block = f.heap.allocate_as(Made::by_new, 20, 0, nullptr);
  CHECK(fault_of_free(f, block) == of(Fault::mismatched_release));
  CHECK(support::fault_of([&] { support::drop(f.heap.reallocate(block, 40)); }) ==
        of(Fault::mismatched_release));
  f.heap.deallocate_as(Made::by_new, block);
  CHECK_SOUND(f);
}

TEST_CASE_TEMPLATE("handlers release and allocate, and are checked", C, FullRadix, FullPool,
                   FullSpans) {
  Fixture<C> f;
  f.heap.deallocate(f.heap.allocate(100));
  auto* const block = static_cast<unsigned char*>(f.heap.allocate_nowait(100));
  REQUIRE(block != nullptr);
  CHECK(f.heap.usable_size(block) == 100);
  block[100] = 0;
  CHECK(support::fault_of([&] { f.heap.deallocate_nowait(block); }) == of(Fault::overflow));
  block[100] = BlockRecord::tail_byte;
  f.heap.deallocate_nowait(block);
  CHECK(support::fault_of([&] { f.heap.deallocate_nowait(block); }) == of(Fault::double_free));
  CHECK(fault_of_free(f, block) == of(Fault::double_free));
  void* const aligned = f.heap.allocate_nowait(10, 64);
  CHECK(is_aligned(aligned, 64));
  f.heap.deallocate(aligned);
  f.heap.trim();
  CHECK_SOUND(f);
}

TEST_CASE_TEMPLATE("alignment is as asked for", C, FULL_WORLDS) {
  Fixture<C> f;
  for (size_t alignment = 1; alignment <= 1'024; alignment *= 2) {
    for (const size_t size : {size_t{1}, size_t{100}, size_t{700}}) {
      void* const block = f.heap.allocate(size, alignment);
      REQUIRE(block != nullptr);
      CHECK(is_aligned(block, alignment));
      support::fill(block, size, 0x22);
      f.heap.deallocate(block);
    }
  }
  CHECK(f.heap.allocate(8, 24) == nullptr);
  CHECK(f.heap.allocate(SIZE_MAX - 8) == nullptr);
  CHECK(f.heap.allocate(8, SIZE_MAX / 2 + 1) == nullptr);
  CHECK_SOUND(f);
}

TEST_CASE_TEMPLATE("statistics are those of one moment", C, FULL_WORLDS) {
  Fixture<C> f;
  void* const keep = f.heap.allocate(24);
  f.heap.deallocate(f.heap.allocate(24));
  const auto turns = [](auto look) {
    const unsigned before = support::WatchedLock::times_taken();
    look();
    return support::WatchedLock::times_taken() - before;
  };
  auto inspector = inspect(f.heap);
  CHECK(turns([&] { CHECK(inspector.stats().live_blocks == 1); }) == 1);
  if constexpr (Fixture<C>::has_slots) {
    size_t live = 0;
    for (size_t bin = 0; bin < inspector.bins; bin++) {
      CHECK(turns([&] { live += inspector.bin_stats(bin).live; }) == 1);
    }
    CHECK(live == 1);
  }
  f.heap.deallocate(keep);
}

TEST_CASE_TEMPLATE("memory is null only when the queue is empty", C, FULL_WORLDS) {
  Fixture<C> f;
  void* first = nullptr;
  size_t count = 0;
  const auto fill = [&] {
    while (void** const block = static_cast<void**>(f.heap.allocate(300))) {
      *block = first;
      first = block;
      count++;
    }
  };
  fill();
  const size_t most = count;
  CHECK(most > 20);
  for (int i = 0; i < 6; i++) {
    void* const block = first;
    first = *static_cast<void**>(block);
    f.heap.deallocate(block);
    count--;
  }
  fill();
  CHECK(count == most);
  while (first != nullptr) {
    void* const block = first;
    first = *static_cast<void**>(block);
    f.heap.deallocate(block);
  }
  f.heap.trim();
  CHECK(f.stats().live_blocks == 0);
  CHECK_SOUND(f);
}

TEST_CASE_TEMPLATE("blocks of random sizes keep what was written, in whatever calls", C,
                   FULL_WORLDS) {
  Fixture<C> f;
  struct {
    unsigned char* block;
    size_t size;
    unsigned seed;
  } live[40] = {};
  support::Random random(5);
  size_t live_count = 0;
  for (unsigned i = 0; i < 6'000; i++) {
    auto& one = live[random.next() % 40];
    const size_t size = random.next() % (random.next() % 16 == 0 ? 3'000 : 200);
    if (one.block == nullptr) {
      const size_t alignment = size_t{1} << random.next() % 8;
      void* const block = i % 3 == 0   ? f.heap.allocate(size, alignment)
                          : i % 3 == 1 ? f.heap.allocate_zeroed(size)
                                       : f.heap.allocate(size);
      one.block = static_cast<unsigned char*>(block);
      if (block == nullptr) continue;
      if (i % 3 == 1) CHECK(support::holds_only(block, size, 0));
      live_count++;
    } else {
      if (!support::holds_pattern(one.block, one.size, one.seed)) FAIL("a block was damaged");
      if (i % 4 == 0) {
        void* const moved = f.heap.reallocate(one.block, size);
        if (moved == nullptr) continue;
        one.block = static_cast<unsigned char*>(moved);
        if (!support::holds_pattern(moved, smaller(size, one.size), one.seed)) {
          FAIL("reallocate() lost what was written");
        }
      } else {
        i % 4 == 1 ? f.heap.deallocate(one.block, one.size) : f.heap.deallocate(one.block);
        one.block = nullptr;
        live_count--;
        continue;
      }
    }
    one.size = size;
    one.seed = i;
    CHECK(f.heap.usable_size(one.block) == size);
    support::fill_pattern(one.block, size, i);
  }
  CHECK(f.stats().live_blocks == live_count);
  size_t walked = 0;
  inspect(f.heap).walk([&](void* block, size_t bytes) {
    for (const auto& one : live) walked += one.block == block && one.size == bytes;
    return true;
  });
  CHECK(walked == live_count);
  for (auto& one : live) {
    if (one.block == nullptr) continue;
    CHECK(f.heap.block_with(one.block + one.size / 2) == one.block);
    f.heap.deallocate(one.block);
  }
  f.heap.trim();
  CHECK(f.stats().live_blocks == 0);
  CHECK_SOUND(f);
}

#ifndef RSB_TEST_CACHES
TEST_CASE_TEMPLATE("the largest request is met, whatever lies around it", C, FullSmall, FullWords) {
  Fixture<C> f;
  for (const size_t size : {100u, 700u, 30u}) {
    support::drop(f.heap.allocate(size));
    const size_t largest = f.heap.largest_request();
    CHECK(largest > 0);
    CHECK(f.stats().largest_request == largest);
    CHECK(f.heap.allocate(largest + SmallHeap<C>::granule) == nullptr);
    void* const block = f.heap.allocate(largest);
    CHECK(block != nullptr);
    CHECK(f.heap.largest_request() < SmallHeap<C>::granule);
    f.heap.deallocate(block);
    f.heap.trim();
  }
}

TEST_CASE_TEMPLATE("a small block takes the least, a larger one its overhead", C, FullSmall,
                   FullWords) {
  Fixture<C> f;
  const auto taken_by = [&](size_t size) {
    const size_t before = f.stats().free_bytes;
    support::drop(f.heap.allocate(size));
    return before - f.stats().free_bytes;
  };
  using Heap = SmallHeap<C>;
  CHECK(taken_by(1) == Heap::least_block);
  CHECK(taken_by(200) == align_up(200 + Heap::block_overhead, Heap::granule));
}

TEST_CASE_TEMPLATE("what lived before clear() is forgotten", C, FullSmall, FullWords) {
  for (const size_t alignment : {size_t{64}, size_t{256}}) {
    Fixture<C> f;
    for (size_t i = 0; i < 20; i++) support::drop(f.heap.allocate(100 + i % 3 * 50));
    f.heap.clear();
    size_t count = 0;
    while (void* const block = f.heap.allocate(100, alignment)) {
      support::fill(block, 100, 0x33);
      count++;
    }
    CHECK_SOUND(f);
    size_t walked = 0;
    inspect(f.heap).walk([&](void* block, size_t bytes) {
      walked += bytes == 100 && is_aligned(block, alignment);
      return true;
    });
    CHECK(walked == count);
  }
}
#endif

// Told to whoever asks, as `options` are.
static_assert(Heap<FullClearing>::full.clears);

TEST_CASE("nothing is left in a released block, if so wished") {
  for (const size_t size : {size_t{8}, size_t{500}, size_t{5'000}, size_t{20'000}}) {
    Fixture<FullClearing> f;
    void* const block = f.heap.allocate(size);
    REQUIRE(block != nullptr);
    support::fill(block, size, 0x33);
    f.heap.deallocate(block);
    CHECK(support::holds_only(support::opaque(block), size, 0));
    CHECK_SOUND(f);
  }
}

TEST_CASE("a write to a block that was cleared when it was released is found") {
  Fixture<FullClearing> f;
  auto* const block = static_cast<unsigned char*>(f.heap.allocate(100));
  f.heap.deallocate(block);
  support::opaque(block)[70] = 1;
  CHECK(support::fault_of([&] { f.heap.trim(); }) == of(Fault::overwritten_link));
}

// Found by the fuzzer: what was made with another alignment has its record elsewhere.
TEST_CASE("what is kept smaller for want of memory is released as it was asked for last") {
  Fixture<FullRadix> f;
  void* const block = f.heap.allocate(100, 128);
  REQUIRE(block != nullptr);
  while (f.heap.allocate(1'000) != nullptr) {
  }
  while (f.heap.allocate(8) != nullptr) {
  }
  void* const kept = f.heap.reallocate(block, 20, 8);
  void* const live = kept == nullptr ? block : kept;
  const size_t alignment = kept == nullptr ? 128 : 8;
  const size_t size = kept == nullptr ? 100 : 20;
  CHECK(support::fault_of([&] { f.heap.deallocate(live, size, alignment); }) == support::no_fault);
}
