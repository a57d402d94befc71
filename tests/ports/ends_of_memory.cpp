// SPDX-License-Identifier: MIT OR Apache-2.0
// Heaps in memory that begins at address 0, and in memory that ends with the last address: there is
// some by this program's page tables. For aarch64 with the granule of 16 KiB.
#include "rsb/cached_inspector.hpp"
#include "rsb/small_inspector.hpp"
#include "support/test.hpp"

using namespace rsb;

namespace {

// ---- Both ends of memory ------------------------------------------------------------------------

constexpr size_t page = 16 * KiB;
constexpr size_t pages = 16;
constexpr size_t end_bytes = pages * page;

alignas(page) char memory[2][end_bytes];
alignas(page) uint64_t low_table[2048];        // of level 3, for the first 32 MiB
alignas(page) uint64_t high_table[2048];       // the same for the last 32 MiB
alignas(page) uint64_t high_root_table[2048];  // of level 2, for all addresses of the upper half

void map(uint64_t* entries, char* physical) {
  constexpr uint64_t normal_page = 3 | 3 << 8 | 1 << 10;  // as port's NORMAL, in level 3
  for (size_t i = 0; i < pages; i++) entries[i] = address_of(physical + i * page) | normal_page;
}

// The first end_bytes bytes of all addresses, and the last.
void map_both_ends() {
  constexpr uint64_t table = 3;
  uint64_t low_root, control;
  asm volatile("mrs %0, ttbr0_el1" : "=r"(low_root));
  asm volatile("mrs %0, tcr_el1" : "=r"(control));
  REQUIRE((control >> 14 & 3) == 2);  // the port's granule
  map(low_table, memory[0]);
  *reinterpret_cast<uint64_t*>(low_root) = address_of(low_table) | table;
  map(high_table + 2048 - pages, memory[1]);
  high_root_table[2047] = address_of(high_table) | table;
  control &= ~(uint64_t{1} << 23);  // a second table: 36 bits, write-back, shareable, 16 KiB
  control |= uint64_t{28} << 16 | 1 << 24 | 1 << 26 | 3 << 28 | uint64_t{1} << 30;
  asm volatile(
      "dsb sy\n msr ttbr1_el1, %0\n msr tcr_el1, %1\n isb\n tlbi vmalle1\n dsb sy\n isb" ::"r"(
          high_root_table),
      "r"(control)
      : "memory");
}

struct End {
  char* base;
  bool contains(const void* p, size_t bytes) const {
    const size_t offset = bytes_from(base, p);
    return offset < end_bytes && bytes <= end_bytes - offset;
  }
};

End low() {
  return {nullptr};
}
End high() {
  return {reinterpret_cast<char*>(UINTPTR_MAX - end_bytes + 1)};
}

// ---- Heaps --------------------------------------------------------------------------------------

struct Flat {
  using Pages = NoPages;
  using Lock = NoLock;
  static constexpr Options options{.page_size = 256,
                                   .span_size = 1 * KiB,
                                   .acquire_size = 1 * KiB,
                                   .acquire_alignment = 256,
                                   .discard_size = 256,
                                   .map = Map::flat};
};
struct Cached : Flat {
  using Seats = OneSeat;
  static constexpr CacheOptions caches{
      .bytes = 4 * KiB, .most_bytes = 4 * KiB, .magazine = 32, .batch = 8};
};
struct Small {
  using Lock = NoLock;
  static constexpr SmallOptions options{.deferred_batch = 2};
};
struct SmallByWords {
  using Lock = NoLock;
  static constexpr SmallOptions options{.checks = Checks::off, .words = true, .deferred_batch = 2};
};

// The memory of both ends, as a table of regions has it.
struct BothEnds : NoPages {
  Region next_region() noexcept {
    if (given == 2) return {};
    return {given++ == 0 ? low().base : high().base, end_bytes};
  }
  unsigned given = 0;
};
struct FlatOfBoth : Flat {
  using Pages = BothEnds;
};
struct SmallOfBoth {
  using Pages = BothEnds;
  using Lock = NoLock;
  static constexpr SmallOptions options{};
};

// A map of nodes: those are elsewhere.
struct Nodes {
  alignas(page) static inline char space[64 * KiB];
  size_t used = 0;
  void* acquire(size_t bytes, size_t alignment) noexcept {
    if (is_closed || bytes > sizeof space - used) return nullptr;
    char* const node = align_up(space + used, alignment);
    used = bytes_from(space, node) + bytes;
    return used <= sizeof space ? node : nullptr;
  }
  bool release(void*, size_t) noexcept { return false; }
  bool is_closed = false;
};
struct Radix {
  using Pages = Nodes;
  using Lock = NoLock;
  static constexpr Options options{.page_size = 4 * KiB,
                                   .span_size = 16 * KiB,
                                   .acquire_size = 16 * KiB,
                                   .acquire_alignment = 4 * KiB,
                                   .discard_size = 4 * KiB,
                                   .radix_leaf_bits = 8,
                                   .radix_inner_bits = 11};
};

// ---- What each of them must do ------------------------------------------------------------------

template <class H>
void check_empty(H& heap) {
  CHECK(inspect(heap).check() == nullptr);
  CHECK(inspect(heap).stats().live_blocks == 0);
}

// Takes all of the memory, in blocks of one size; every byte of them can be written.
template <class H>
size_t take_all(H& heap, std::initializer_list<End> ends, size_t size) {
  void** first = nullptr;  // a list of the blocks
  size_t count = 0;
  while (void* const block = heap.allocate(size)) {
    size_t inside = 0;
    for (const End& end : ends) inside += end.contains(block, size);
    if (inside != 1) FAIL(block);
    support::fill(block, size, 0xff);
    *static_cast<void***>(block) = first;
    first = static_cast<void**>(block);
    count++;
  }
  CHECK(inspect(heap).check() == nullptr);
  for (size_t i = 0; first != nullptr; i++) {
    void* const block = first;
    first = static_cast<void**>(*first);
    i % 3 == 0 ? heap.deallocate_nowait(block) : heap.deallocate(block);
  }
  heap.trim();
  check_empty(heap);
  return count;
}

// Blocks of all sizes come and go, and keep what is in them.
template <class H>
void churn(H& heap) {
  struct Block {
    void* memory = nullptr;
    size_t bytes = 0;
    unsigned seed = 0;
  };
  static Block blocks[200];
  support::Random random(7);
  for (unsigned i = 0; i < 20'000; i++) {
    Block& b = blocks[random.below(200)];
    if (b.memory != nullptr) {
      if (!support::holds_pattern(b.memory, b.bytes, b.seed)) FAIL(b.memory);
      if (i % 4 == 0) {
        heap.deallocate_nowait(b.memory);
      } else {
        heap.deallocate(b.memory);
      }
    }
    const size_t bytes = random.below(size_t{8} << random.below(10));
    b = {i % 5 == 0 ? heap.allocate(bytes, 64) : heap.allocate(bytes), bytes, i};
    if (b.memory != nullptr) support::fill_pattern(b.memory, b.bytes, b.seed);
  }
  CHECK(inspect(heap).check() == nullptr);
  for (Block& b : blocks) {
    heap.deallocate(b.memory);
    b = {};
  }
  heap.trim();
  check_empty(heap);
}

// What remains for blocks of n bytes that cost `each`, at least, of `bytes` bytes.
constexpr size_t least(size_t bytes, size_t each) {
  return bytes * 9 / 10 / each;
}

}  // namespace

TEST_CASE("this program has memory at both ends") {
  map_both_ends();
  for (const End& end : {low(), high()}) {
    volatile char* const p = support::opaque(end.base);
    p[1] = 1;
    p[end_bytes - 1] = 2;
  }
  CHECK(memory[0][1] == 1);
  CHECK(memory[0][end_bytes - 1] == 2);
  CHECK(memory[1][1] == 1);
  CHECK(memory[1][end_bytes - 1] == 2);
}

TEST_CASE_TEMPLATE("a region at either end is memory like any other", C, Flat, Cached) {
  for (const End& end : {low(), high()}) {
    HeapOf<C> heap;
    const size_t added = heap.add_region(end.base, end_bytes);
    CHECK(added >= end_bytes - end_bytes / 256 * sizeof(Span) - 256);
    for (const size_t size : {size_t{16}, size_t{256}, size_t{1'500}}) {
      CHECK(take_all(heap, {end}, size) >= least(added, align_up(size, 256 - 240 * (size < 256))));
    }
    churn(heap);
    CHECK(heap.remove_region(end.base, end_bytes) == added);
    CHECK(heap.allocate(1) == nullptr);
    CHECK(heap.add_region(end.base, end_bytes) == added);
    churn(heap);
  }
}

TEST_CASE_TEMPLATE("a small heap has its first region at either end, and a later one", C, Small,
                   SmallByWords) {
  for (const End& end : {low(), high()}) {
    SmallHeap<C> heap;
    const size_t added = heap.add_region(end.base, end_bytes);
    CHECK(added >= end_bytes - end_bytes / 64);
    for (const size_t size : {size_t{16}, size_t{256}, size_t{1'500}}) {
      CHECK(take_all(heap, {end}, size) >= least(added, size + 16));
    }
    churn(heap);
  }
  // Where blocks can be released without waiting, all lie within 4 GiB.
  static char first[8 * KiB];
  SmallHeap<C> heap;
  REQUIRE(heap.add_region(first, sizeof first) != 0);
  const size_t added = heap.add_region(low().base, 4 * KiB);
  CHECK(added >= 4 * KiB - heap.least_region);
  churn(heap);
  CHECK(heap.remove_region(low().base, 4 * KiB) == added);
  CHECK(heap.add_region(high().base, 4 * KiB) == 0);
  check_empty(heap);
}

TEST_CASE_TEMPLATE("a table of regions may have one at address 0, and another behind it", H,
                   Heap<FlatOfBoth>, SmallHeap<SmallOfBoth>) {
  H heap;
  size_t blocks = 0;
  while (void* const block = heap.allocate(1'000)) {
    if (!low().contains(block, 1'000) && !high().contains(block, 1'000)) FAIL(block);
    support::fill(block, 1'000, 0xff);
    blocks++;
  }
  CHECK(blocks >= least(2 * end_bytes, 1'024 + 4 * sizeof(Span)));
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a window over either end needs no room for descriptors") {
  static Span descriptors[end_bytes / 256];
  for (const End& end : {low(), high()}) {
    for (Span& s : descriptors) s = Span{};
    Window window{end.base, end_bytes / 256, descriptors};
    Heap<Flat> heap;
    heap.pages().add_window(window);
    const size_t added = heap.add_region(end.base, end_bytes);
    CHECK(added == end_bytes - (end.base == nullptr ? 256 : 0));
    CHECK(take_all(heap, {end}, 1'024) == added / 1'024);
    churn(heap);
    CHECK(heap.remove_region(end.base, end_bytes) == added);
  }
}

TEST_CASE("a radix map reaches either end") {
  for (const End& end : {low(), high()}) {
    Heap<Radix> heap;
    const size_t added = heap.add_region(end.base, end_bytes);
    heap.pages().source().is_closed = true;
    CHECK(added == end_bytes - (end.base == nullptr ? 4 * KiB : 0));
    CHECK(take_all(heap, {end}, 4 * KiB) == added / (16 * KiB) * 4);
    churn(heap);
    CHECK(heap.remove_region(end.base, end_bytes) == added);
  }
}
