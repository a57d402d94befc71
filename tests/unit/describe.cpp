// SPDX-License-Identifier: MIT OR Apache-2.0
// What heaps say of an address, at all levels of checks: for who is told of a fault.
#include "support/full_worlds.hpp"
#include "support/test.hpp"
#include "support/worlds.hpp"

#ifndef RSB_TEST_CACHES
#include "rsb/small_inspector.hpp"
#endif

using namespace rsb;
using support::FullFenced;
using support::FullPool;
using support::FullRadix;
using support::FullSpans;
using support::queue;

namespace {

#define FULL_WORLDS FullRadix, FullPool, FullSpans, FullFenced

template <class Config>
struct Fixture : support::World<Config> {};

#ifndef RSB_TEST_CACHES
template <bool has_words, Checks level>
struct Small {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.checks = level, .words = has_words};
  static constexpr FullOptions full = queue;
};
using SmallTables = Small<false, Checks::basic>;
using SmallWithWords = Small<true, Checks::basic>;
using SmallUnchecked = Small<true, Checks::off>;
using SmallFull = Small<false, Checks::full>;
using SmallFullWords = Small<true, Checks::full>;

template <class Config>
struct SmallWorld {
  SmallWorld() { heap.add_region(support::arena, 16 * KiB); }
  SmallHeap<Config> heap;
};
template <bool has_words, Checks level>
struct Fixture<Small<has_words, level>> : SmallWorld<Small<has_words, level>> {};
#define ALL_FULL_WORLDS FULL_WORLDS, SmallFull, SmallFullWords
#else
#define ALL_FULL_WORLDS FULL_WORLDS
#endif

constexpr bool keeps_both = sizeof(void*) == 8;

// So the tests know the return addresses: the heap's functions are called at the end of none.
template <class Heap>
[[gnu::noinline]] void* allocate_here(Heap& heap, size_t size) {
  void* const block = heap.allocate(size);
  support::opaque(block);
  return block;
}
template <class Heap>
[[gnu::noinline]] void* reallocate_here(Heap& heap, void* block, size_t size) {
  void* const moved = heap.reallocate(block, size);
  support::opaque(moved);
  return moved;
}
template <class Heap>
[[gnu::noinline]] void free_here(Heap& heap, void* block) {
  heap.deallocate(block);
  support::opaque(block);
}
// None is nearly so long.
template <class Function>
bool is_in(const void* address, Function& function) {
  const auto begin = reinterpret_cast<const void*>(&function);
  return address != nullptr && bytes_from(begin, address) < 400;
}

template <class F>
Description describe(F& f, const void* address) {
  const Description d = inspect(f.heap).describe(address);
  CHECK_FALSE(support::WatchedLock::is_held());
  return d;
}

bool says_nothing(const Description& d) {
  return d.state == RSB_NO_BLOCK && d.block == nullptr && d.size == 0 && d.offset == 0 &&
         d.slot_bytes == 0 && d.run == nullptr && d.run_bytes == 0 && d.allocated_by == nullptr &&
         d.freed_by == nullptr;
}

}  // namespace

TEST_CASE_TEMPLATE("a slot is described from any address in it", C, SUPPORT_WORLDS) {
  Fixture<C> f;
  char* const block = static_cast<char*>(f.heap.allocate(40));
  void* const keep = f.heap.allocate(40);
  REQUIRE(keep != nullptr);
  for (const size_t offset : {size_t{0}, size_t{1}, size_t{39}}) {
    const Description d = describe(f, block + offset);
    CHECK(d.state == RSB_BLOCK_LIVE);
    CHECK(d.block == block);
    CHECK(d.size == f.heap.usable_size(block));
    CHECK(d.offset == static_cast<ptrdiff_t>(offset));
    CHECK(d.slot_bytes == d.size);
    CHECK(bytes_from(d.run, block) < d.run_bytes);
    CHECK(d.run_bytes == C::options.span_size);
    CHECK(d.allocated_by == nullptr);
    CHECK(d.freed_by == nullptr);
  }
  f.heap.deallocate(block);
  const Description d = describe(f, block + 8);
  if (C::options.checks != Checks::off) CHECK(d.state == RSB_BLOCK_FREE);
  CHECK(d.block == block);
  CHECK(d.offset == 8);
  CHECK(d.slot_bytes == d.size);
}

TEST_CASE_TEMPLATE("a slot that was never handed out is no block", C, SUPPORT_WORLDS) {
  if (support::has_caches) return;  // which take them beforehand
  Fixture<C> f;
  char* const block = static_cast<char*>(f.heap.allocate(40));
  REQUIRE(block != nullptr);
  const Description d = describe(f, block + f.heap.usable_size(block));
  CHECK(d.state == RSB_NO_BLOCK);
  CHECK(d.block == nullptr);
  CHECK(d.size == 0);
  CHECK(d.slot_bytes == f.heap.usable_size(block));
  CHECK(d.run_bytes == C::options.span_size);
}

TEST_CASE_TEMPLATE("a large block is described from all its pages", C, SUPPORT_WORLDS) {
  Fixture<C> f;
  constexpr size_t page = C::options.page_size;
  constexpr size_t size = larger(2 * page, C::options.span_size) + 1;
  char* const block = static_cast<char*>(f.heap.allocate(size));
  if (block == nullptr) return;  // the arena is too small
  for (const size_t offset : {size_t{0}, page - 1, page, size - 1}) {
    const Description d = describe(f, block + offset);
    CHECK(d.state == RSB_BLOCK_LIVE);
    CHECK(d.block == block);
    CHECK(d.size == f.heap.usable_size(block));
    CHECK(d.offset == static_cast<ptrdiff_t>(offset));
    CHECK(d.slot_bytes == 0);
    CHECK(d.run == block);
    CHECK(d.run_bytes == d.size);
  }
  f.heap.deallocate(block);
  const Description d = describe(f, block);
  CHECK(d.state == (d.run == nullptr ? RSB_NO_BLOCK : RSB_BLOCK_FREE));  // or its pages are gone
  CHECK(d.block == nullptr);
}

TEST_CASE_TEMPLATE("a run of pages is no block", C, SUPPORT_WORLDS) {
  Fixture<C> f;
  char* const run = static_cast<char*>(f.heap.pages().allocate(2));
  REQUIRE(run != nullptr);
  const Description d = describe(f, run + C::options.page_size + 1);
  CHECK(d.state == RSB_NO_BLOCK);
  CHECK(d.block == nullptr);
  CHECK(d.run == run);
  CHECK(d.run_bytes == 2 * C::options.page_size);
  f.heap.pages().deallocate(run);
}

TEST_CASE_TEMPLATE("of what is not the heap's nothing is said", C, support::SmallRadix,
                   support::Firmware, support::Unchecked, ALL_FULL_WORLDS) {
  Fixture<C> f;
  static char elsewhere[64];
  CHECK(says_nothing(describe(f, elsewhere)));
  CHECK(f.heap.allocate(40) != nullptr);
  CHECK(says_nothing(describe(f, elsewhere)));
  CHECK(says_nothing(describe(f, nullptr)));
  int local = 0;
  CHECK(says_nothing(describe(f, &local)));
}

TEST_CASE_TEMPLATE("with full checks the size is what was asked for, and both calls are known", C,
                   ALL_FULL_WORLDS) {
  for (const size_t size : {size_t{0}, size_t{3}, size_t{40}, size_t{300}}) {
    Fixture<C> f;
    char* const block = static_cast<char*>(allocate_here(f.heap, size));
    REQUIRE(block != nullptr);
    auto& allocating = allocate_here<decltype(f.heap)>;
    auto& freeing = free_here<decltype(f.heap)>;
    const auto behind = static_cast<ptrdiff_t>(size);
    for (const ptrdiff_t offset : {ptrdiff_t{-1}, ptrdiff_t{-16}, ptrdiff_t{0}, behind}) {
      const Description d = describe(f, block + offset);
      CHECK(d.state == RSB_BLOCK_LIVE);
      CHECK(d.block == block);
      CHECK(d.size == size);
      CHECK(d.offset == offset);
      CHECK(is_in(d.allocated_by, allocating));
      CHECK(d.freed_by == nullptr);
    }
    free_here(f.heap, block);
    const Description d = describe(f, block);
    CHECK(d.state == RSB_BLOCK_WAITING);
    CHECK(d.block == block);
    CHECK(d.size == size);
    CHECK(d.offset == 0);
    CHECK((keeps_both ? is_in(d.allocated_by, allocating) : d.allocated_by == nullptr));
    CHECK(is_in(d.freed_by, freeing));
  }
}

TEST_CASE_TEMPLATE("and who freed a slot as long as it is free", C, FULL_WORLDS) {
  Fixture<C> f;
  void* const keep = f.heap.allocate(40);
  char* const block = static_cast<char*>(f.heap.allocate(40));
  free_here(f.heap, block);
  f.heap.trim();
  const Description d = describe(f, block + 1);
  CHECK(d.state == RSB_BLOCK_FREE);
  CHECK(d.allocated_by == nullptr);
  if constexpr (keeps_both) {  // else the heap below needs all that there is
    CHECK(d.block == block);
    CHECK(d.size == 40);
    CHECK(d.offset == 1);
    CHECK(is_in(d.freed_by, free_here<decltype(f.heap)>));
  }
  f.heap.deallocate(keep);
}

TEST_CASE_TEMPLATE("a block that was resized is of who resized it", C, ALL_FULL_WORLDS) {
  Fixture<C> f;
  void* const block = allocate_here(f.heap, 40);
  void* const moved = reallocate_here(f.heap, block, 500);
  REQUIRE(moved != nullptr);
  auto& resizing = reallocate_here<decltype(f.heap)>;
  CHECK(is_in(describe(f, moved).allocated_by, resizing));
  CHECK(describe(f, moved).size == 500);
  CHECK(is_in(describe(f, block).freed_by, resizing));
}

TEST_CASE_TEMPLATE("a block before which was written is described by what is found there", C,
                   ALL_FULL_WORLDS) {
  for (const size_t size : {size_t{40}, size_t{300}}) {
    Fixture<C> f;
    char* const block = static_cast<char*>(allocate_here(f.heap, size));
    REQUIRE(block != nullptr);
    support::opaque(block)[-1] ^= 0x10;
    Description d = describe(f, block);
    CHECK(d.state == RSB_BLOCK_LIVE);
    CHECK(d.block == block);
    CHECK(d.size == size);
    CHECK(is_in(d.allocated_by, allocate_here<decltype(f.heap)>));

    support::fill(block - 2 * sizeof(void*), 2 * sizeof(void*), 0xff);
    d = describe(f, block);
    CHECK(d.state == RSB_BLOCK_LIVE);
    support::fill(block - 4 * sizeof(void*), 4 * sizeof(void*), 0xff);
    d = describe(f, block);  // its size is nonsense now
    CHECK(d.state == RSB_BLOCK_LIVE);
    CHECK(d.block != block);
    CHECK(d.allocated_by == nullptr);
  }
}

TEST_CASE_TEMPLATE("large blocks between guard pages, too", C, FullFenced, FullRadix) {
  Fixture<C> f;
  constexpr size_t size = 5'000;
  char* const block = static_cast<char*>(allocate_here(f.heap, size));
  REQUIRE(block != nullptr);
  Description d = describe(f, block + size - 1);
  CHECK(d.state == RSB_BLOCK_LIVE);
  CHECK(d.block == block);
  CHECK(d.size == size);
  CHECK(d.offset == static_cast<ptrdiff_t>(size) - 1);
  CHECK(d.slot_bytes == 0);
  CHECK(is_in(d.allocated_by, allocate_here<decltype(f.heap)>));
  support::opaque(block)[-1] ^= 0x10;
  d = describe(f, block);
  CHECK(d.block == block);
  CHECK(is_in(d.allocated_by, allocate_here<decltype(f.heap)>));
  support::opaque(block)[-1] ^= 0x10;
  free_here(f.heap, block);
  d = describe(f, block);
  constexpr bool is_kept = SameAs<C, FullFenced>;
  CHECK(d.state == (is_kept ? RSB_BLOCK_WAITING : RSB_BLOCK_FREE));  // more than the queue takes
  if (is_kept || !support::has_caches) {
    CHECK(d.block == block);
    CHECK(is_in(d.freed_by, free_here<decltype(f.heap)>));
  }
}

#ifndef RSB_TEST_CACHES
TEST_CASE_TEMPLATE("a small heap's block is described from any address in it", C, SmallTables,
                   SmallWithWords, SmallUnchecked) {
  Fixture<C> f;
  char* const block = static_cast<char*>(f.heap.allocate(100));
  char* const keep = static_cast<char*>(f.heap.allocate(100));
  REQUIRE(keep != nullptr);
  for (const size_t offset : {size_t{0}, size_t{1}, size_t{99}}) {
    const Description d = describe(f, block + offset);
    CHECK(d.state == RSB_BLOCK_LIVE);
    CHECK(d.block == block);
    CHECK(d.size == f.heap.usable_size(block));
    CHECK(d.offset == static_cast<ptrdiff_t>(offset));
    CHECK(d.slot_bytes == 0);
    CHECK(d.run == nullptr);
  }
  f.heap.deallocate(block);
  for (const char* const free : {block, block + 50, keep + 1000}) {
    const Description d = describe(f, free);
    CHECK(d.state == RSB_BLOCK_FREE);
    CHECK(d.block == nullptr);
    CHECK(d.size == 0);
  }
  CHECK(says_nothing(describe(f, support::arena + 17 * KiB)));
}
#endif

TEST_CASE_TEMPLATE("the first byte that was written to behind a block, or to a freed one, is told",
                   C, ALL_FULL_WORLDS) {
  for (const size_t size : {size_t{0}, size_t{3}, size_t{40}, size_t{300}}) {
    Fixture<C> f;
    char* const block = static_cast<char*>(f.heap.allocate(size));
    REQUIRE(block != nullptr);
    CHECK(describe(f, block).written_to == nullptr);
    if (size == 0 && SameAs<C, FullFenced>) continue;  // that cannot be touched
    char& behind = support::opaque(block)[size + 5];
    behind ^= 1;
    CHECK(describe(f, block).written_to == block + size + 5);
    behind ^= 1;
    f.heap.deallocate(block);
    CHECK(describe(f, block).written_to == nullptr);
    char& within = support::opaque(block)[size / 2];
    within ^= 1;
    CHECK(describe(f, block + size).written_to == block + size / 2);
    within ^= 1;
    f.heap.trim();
    CHECK(describe(f, block).written_to == nullptr);
  }
}
