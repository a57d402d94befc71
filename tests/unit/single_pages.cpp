// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/single_pages.hpp: a heap over a list of free pages, as a small kernel has one.
#include "rsb/single_pages.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::arena;

namespace {

constexpr size_t page = 4 * KiB;

// Every second page of the arena, so that no two lie side by side; the last one first.
struct FreePages {
  static constexpr size_t page_size = page;

  void* alloc_page() noexcept {
    if (count == 0) return nullptr;
    taken++;
    return pages[--count];
  }
  void free_page(void* p) noexcept {
    taken--;
    pages[count++] = p;
  }

  void fill() noexcept {
    char* const first = align_up(arena, page);
    for (size_t i = 0; i + page < support::arena_bytes - page; i += 2 * page) {
      pages[count++] = first + i;
    }
  }

  void* pages[support::arena_bytes / page];
  size_t count = 0;
  size_t taken = 0;
};

template <Map kind>
struct Kernel {
  using Pages = SinglePages<FreePages>;
  using Lock = support::WatchedLock;
  static constexpr Options options{.page_size = page,
                                   .span_size = page,
                                   .acquire_size = page,
                                   .acquire_alignment = page,
                                   .keep_free = 0,
                                   .discard_size = page,
                                   .map = kind,
                                   .address_bits = 28,
                                   .radix_leaf_bits = 4,
                                   .radix_inner_bits = 4};
};
using Tree = Kernel<Map::radix>;
using Flat = Kernel<Map::flat>;

template <class C>
struct TheWorld {
  TheWorld() {
    if constexpr (C::options.map == Map::flat) {
      alignas(64) static char memory[64 * KiB];
      const Region ram{align_up(arena, page), support::arena_bytes - page};
      REQUIRE(heap.pages().bytes_for_windows(&ram, 1) <= sizeof memory);
      __builtin_memset(memory, 0, sizeof memory);
      heap.pages().add_windows(&ram, 1, memory);
    }
    pages().fill();
    all = pages().count;
  }
  FreePages& pages() { return heap.pages().source().allocator(); }

  Heap<C> heap;
  size_t all = 0;
};

}  // namespace

static_assert(PageSource<SinglePages<FreePages>>);
static_assert(TrustedSource<SinglePages<FreePages>>);
static_assert(SinglePages<FreePages>::most_bytes == page);

TEST_CASE_TEMPLATE("every page is used, and goes back on its own", C, Tree, Flat) {
  TheWorld<C> w;
  static void* blocks[64];
  size_t count = 0;
  while ((blocks[count] = w.heap.allocate(page)) != nullptr) count++;
  CHECK(w.pages().count == 0);
  CHECK(count + (C::options.map == Map::radix ? 12 : 0) >= w.all);  // nodes of the map
  CHECK(inspect(w.heap).check() == nullptr);
  const size_t of_map = w.pages().taken - count;
  while (count != 0) w.heap.deallocate(blocks[--count]);
  CHECK(w.pages().taken == of_map);
  CHECK(inspect(w.heap).check() == nullptr);
}

TEST_CASE_TEMPLATE("blocks of all sizes up to a page are had, and none above", C, Tree, Flat) {
  TheWorld<C> w;
  for (size_t size = 1; size <= page; size++) {
    void* const block = w.heap.allocate(size);
    REQUIRE(block != nullptr);
    __builtin_memset(block, 0x5a, size);
    w.heap.deallocate(block);
  }
  CHECK(w.heap.allocate(page + 1) == nullptr);
  CHECK(w.heap.allocate(16, 2 * page) == nullptr);
  CHECK(inspect(w.heap).check() == nullptr);
}
