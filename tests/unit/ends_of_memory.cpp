// SPDX-License-Identifier: MIT OR Apache-2.0
// Memory that begins at address 0, and memory that ends with the last address. Nothing is behind
// these addresses here: pages are handed out and come back, and nobody touches them. Blocks in such
// memory: tests/ports/ends_of_memory.cpp.
#include "rsb/buddy_pages.hpp"
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;

namespace {

constexpr size_t page = 1 * KiB;
constexpr size_t pages = 64;
constexpr size_t region_bytes = pages * page;

// Where a region begins that ends with the last address.
char* top() {
  return reinterpret_cast<char*>(UINTPTR_MAX - region_bytes + 1);
}

struct FlatConfig {
  using Pages = NoPages;
  using Lock = NoLock;
  static constexpr Options options{.page_size = page,
                                   .span_size = page,
                                   .acquire_size = page,
                                   .acquire_alignment = page,
                                   .discard_size = page,
                                   .map = Map::flat};
};

// A heap with a window over the region.
struct Flat {
  explicit Flat(void* base) : window{static_cast<char*>(base), pages, descriptors} {
    heap.pages().add_window(window);
  }
  size_t add_region(void* base, size_t bytes) { return heap.add_region(base, bytes); }

  Span descriptors[pages] = {};
  Window window;
  Heap<FlatConfig> heap;
};

template <unsigned leaf, unsigned inner>
struct RadixConfig : support::Configuration<Options{.page_size = page,
                                                    .span_size = page,
                                                    .acquire_size = 32 * KiB,
                                                    .acquire_alignment = page,
                                                    .discard_size = page,
                                                    .address_bits = 26,
                                                    .radix_leaf_bits = leaf,
                                                    .radix_inner_bits = inner}> {};

// A heap whose map has its nodes from elsewhere, which nothing else comes from.
template <unsigned leaf, unsigned inner>
struct Radix {
  explicit Radix(void*) { source().serve_from(support::arena, support::arena_bytes); }
  auto& source() { return heap.pages().source(); }
  size_t add_region(void* base, size_t bytes) {
    source().fail_never();
    const size_t added = heap.add_region(base, bytes);
    source().fail_always_after(0);
    return added;
  }

  Heap<RadixConfig<leaf, inner>> heap;
};

struct TwoLevels : Radix<6, 0> {  // of leaves as large as the region
  using Radix::Radix;
};
struct ThreeLevels : Radix<3, 8> {
  using Radix::Radix;
};
#define MAPS Flat, TwoLevels, ThreeLevels

struct Range {
  char* base;
  size_t bytes;
  bool contains(const void* p, size_t n) const {
    const size_t offset = bytes_from(base, p);
    return offset < bytes && n <= bytes - offset;
  }
};

// Everything that the heap has is in this range: takes it in pieces of all lengths and at all
// alignments, and gives them back in another order.
template <class H>
void take_all(H& heap, Range range) {
  for (size_t length = 1; length <= range.bytes / page; length++) {
    CAPTURE(length);
    void* runs[pages] = {};
    size_t taken = 0;
    while (void* const run = heap.pages().allocate(length)) {
      REQUIRE(range.contains(run, length * page));
      for (size_t i = 0; i < taken; i++) {
        REQUIRE_FALSE(overlap(runs[i], length * page, run, length * page));
      }
      runs[taken++] = run;
    }
    CHECK(taken == range.bytes / page / length);
    CHECK(inspect(heap).check() == nullptr);
    for (size_t i = 0; i < taken; i += 2) heap.pages().deallocate(runs[i]);
    CHECK(inspect(heap).check() == nullptr);
    for (size_t i = 1; i < taken; i += 2) heap.pages().deallocate(runs[i]);
    CHECK(inspect(heap).check() == nullptr);
    CHECK(inspect(heap).stats().used_bytes == 0);
  }
  for (size_t alignment = page; alignment < range.bytes; alignment *= 2) {
    CAPTURE(alignment);
    void* blocks[pages] = {};
    size_t taken = 0;
    while (void* const block = heap.allocate(page + 1, alignment)) {
      CHECK(is_aligned(block, alignment));
      CHECK(range.contains(block, 2 * page));
      CHECK(heap.usable_size(block) == 2 * page);
      blocks[taken++] = block;
    }
    CHECK(taken != 0);
    for (void* block : blocks) heap.deallocate(block);
    CHECK(inspect(heap).check() == nullptr);
  }
  CHECK(inspect(heap).stats().used_bytes == 0);
  char* const run = static_cast<char*>(heap.pages().allocate(1));
  CHECK(heap.pages().resize(run, range.bytes / page));
  CHECK_FALSE(heap.pages().resize(run, range.bytes / page + 1));
  heap.pages().deallocate(run);
  CHECK(inspect(heap).check() == nullptr);
}

}  // namespace

TEST_CASE_TEMPLATE(
    "of a region at address 0 all pages serve but the first, whose block would be null", M, MAPS) {
  M m(nullptr);
  CHECK(m.add_region(nullptr, region_bytes) == region_bytes - page);
  take_all(m.heap, {reinterpret_cast<char*>(page), region_bytes - page});
  m.heap.deallocate(nullptr);
  m.heap.deallocate(nullptr, 10);
  CHECK(m.heap.usable_size(nullptr) == 0);
  CHECK(inspect(m.heap).region_stats(nullptr, region_bytes).free_bytes == region_bytes - page);
  void* const run = m.heap.pages().allocate(pages - 1);
  CHECK(m.heap.remove_region(nullptr, region_bytes) == 0);
  CHECK(m.add_region(nullptr, region_bytes) == region_bytes - page);  // it stays after all
  m.heap.pages().deallocate(run);
  CHECK(m.heap.remove_region(nullptr, region_bytes) == region_bytes - page);
  CHECK(m.heap.allocate(page) == nullptr);
  CHECK(inspect(m.heap).check() == nullptr);
  CHECK(m.add_region(nullptr, region_bytes) == region_bytes - page);
}

TEST_CASE_TEMPLATE("a region within the first page, or of that alone, has nothing to give", M,
                   MAPS) {
  M m(nullptr);
  CHECK(m.add_region(nullptr, 0) == 0);
  CHECK(m.add_region(nullptr, 1) == 0);
  CHECK(m.add_region(nullptr, page) == 0);
  CHECK(m.heap.remove_region(nullptr, page) == 0);
  CHECK(m.add_region(nullptr, 2 * page) == page);
  CHECK(m.heap.pages().allocate(1) == reinterpret_cast<char*>(page));
}

TEST_CASE_TEMPLATE("a region that begins behind address 0 loses no more than its alignment", M,
                   MAPS) {
  M m(nullptr);
  CHECK(m.add_region(reinterpret_cast<char*>(1), region_bytes - 1) == region_bytes - page);
  take_all(m.heap, {reinterpret_cast<char*>(page), region_bytes - page});
}

TEST_CASE_TEMPLATE("of a region that ends with the last address all pages serve", M, MAPS) {
  M m(top());
  CHECK(m.add_region(top(), region_bytes) == region_bytes);
  take_all(m.heap, {top(), region_bytes});
  CHECK(inspect(m.heap).region_stats(top(), region_bytes).free_bytes == region_bytes);
  void* const run = m.heap.pages().allocate(pages);
  CHECK(m.heap.remove_region(top(), region_bytes) == 0);
  m.heap.pages().deallocate(run);
  CHECK(m.heap.remove_region(top(), region_bytes) == region_bytes);
  CHECK(m.heap.allocate(page) == nullptr);
  CHECK(inspect(m.heap).check() == nullptr);
}

TEST_CASE_TEMPLATE("the last page and less of it are a region like any other", M, MAPS) {
  M m(top());
  char* const last_page = top() + (region_bytes - page);
  CHECK(m.add_region(last_page + 1, page - 1) == 0);
  CHECK(m.add_region(last_page - 1, page + 1) == page);
  CHECK(m.heap.pages().allocate(1) == last_page);
  CHECK(m.heap.pages().allocate(1) == nullptr);
}

TEST_CASE_TEMPLATE("a region beyond the last address is a fault, and harms nothing", M, MAPS) {
  M m(top());
  constexpr int bad_pages = static_cast<int>(Fault::bad_pages);
  CHECK(support::fault_of([&] { m.add_region(top(), region_bytes + 1); }) == bad_pages);
  CHECK(support::fault_address() == top());
  CHECK(support::fault_of([&] { m.add_region(top(), SIZE_MAX); }) == bad_pages);
  CHECK(support::fault_of([&] { m.add_region(&m, SIZE_MAX); }) == bad_pages);
  CHECK(m.heap.remove_region(top(), region_bytes + 1) == 0);
  CHECK(m.heap.remove_region(top(), SIZE_MAX) == 0);
  CHECK(m.add_region(top(), region_bytes) == region_bytes);
  take_all(m.heap, {top(), region_bytes});
}

// ---- Page sources there ----

namespace {

// A buddy allocator with the region, in blocks of 16 pages; never with the page at address 0.
struct BuddyAtAnEnd {
  static constexpr size_t page_size = page;
  static constexpr unsigned max_order = 4;
  static constexpr size_t blocks = pages >> max_order;

  void* alloc_pages(unsigned order) noexcept {
    if (order != max_order || next == blocks) return nullptr;
    return address_behind(base, page * (next++ << max_order));
  }
  void free_pages(void*, unsigned) noexcept { freed++; }

  char* base = nullptr;
  size_t next = 0;
  size_t freed = 0;
};

struct KernelConfig {
  using Pages = BuddyPages<BuddyAtAnEnd>;
  using Lock = NoLock;
  static constexpr Options options{.page_size = page,
                                   .span_size = page,
                                   .acquire_size = 16 * page,
                                   .acquire_alignment = page,
                                   .keep_free = 0,
                                   .discard_size = page,
                                   .map = Map::flat};
};

// First the region; what the map needs then comes from elsewhere.
struct SourceAtTheTop : support::ScriptedPages {
  SourceAtTheTop() { serve_from(support::arena, support::arena_bytes); }
  void* acquire(size_t bytes, size_t alignment) noexcept {
    if (is_given) return ScriptedPages::acquire(bytes, alignment);
    is_given = true;
    return top();
  }
  bool release(void* base, size_t bytes) noexcept {
    if (base != top()) return ScriptedPages::release(base, bytes);
    is_given = false;
    return true;
  }
  bool is_given = false;
};

template <unsigned leaf, unsigned inner>
struct AtTheTop {
  using Pages = SourceAtTheTop;
  using Lock = NoLock;
  static constexpr Options options = [] {
    Options o = RadixConfig<leaf, inner>::options;
    o.acquire_size = region_bytes;
    o.keep_free = region_bytes;
    return o;
  }();
};
struct TwoLevelsAtTheTop : AtTheTop<6, 0> {};
struct ThreeLevelsAtTheTop : AtTheTop<3, 8> {};

}  // namespace

TEST_CASE("a buddy allocator's direct map may begin at address 0, and end with the last one") {
  for (const bool at_zero : {true, false}) {
    CAPTURE(at_zero);
    static Span descriptors[pages];
    for (Span& s : descriptors) s = Span{};
    Heap<KernelConfig> heap;
    BuddyAtAnEnd& buddy = heap.pages().source().buddy();
    Window window{at_zero ? nullptr : top(), pages, descriptors};
    buddy.base = window.base;
    buddy.next = at_zero;  // the first block remains the kernel's
    heap.pages().add_window(window);
    void* runs[pages];
    size_t taken = 0;
    while (void* const run = heap.pages().allocate(1)) runs[taken++] = run;
    CHECK(taken == pages - (at_zero ? 16 : 0));
    CHECK(inspect(heap).check() == nullptr);
    while (taken != 0) heap.pages().deallocate(runs[--taken]);
    CHECK(inspect(heap).stats().acquired_bytes == 0);
    CHECK(buddy.freed == buddy.blocks - at_zero);
  }
}

TEST_CASE_TEMPLATE("an acquisition may end with the last address", C, TwoLevelsAtTheTop,
                   ThreeLevelsAtTheTop) {
  Heap<C> heap;
  void* const first = heap.pages().allocate(1);
  CHECK(first == top());
  heap.pages().deallocate(first);
  heap.pages().source().fail_always_after(0);
  take_all(heap, {top(), region_bytes});
  CHECK(heap.trim() == region_bytes);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("regions at both ends of memory are no neighbours") {
  Flat m(nullptr);
  Span descriptors[pages] = {};
  Window window{top(), pages, descriptors};
  m.heap.pages().add_window(window);
  CHECK(m.add_region(top(), region_bytes) == region_bytes);
  CHECK(m.add_region(nullptr, region_bytes) == region_bytes - page);
  CHECK(m.heap.pages().allocate(pages + 1) == nullptr);
  CHECK(m.heap.pages().allocate(pages) == top());
  CHECK(m.heap.pages().allocate(pages) == nullptr);
  CHECK(m.heap.pages().allocate(pages - 1) == reinterpret_cast<char*>(page));
  CHECK(inspect(m.heap).check() == nullptr);
}

TEST_CASE("a window over all addresses covers the first and the last one") {
  FlatPageMap<FlatConfig::options> map;
  Span* const nowhere = reinterpret_cast<Span*>(align_up(support::arena, alignof(Span)));
  Window window{nullptr, (SIZE_MAX >> floor_log2(page)) + 1, nowhere};
  map.add_window(&window);
  CHECK(map.covers(nullptr, 1));
  CHECK(map.covers(nullptr, SIZE_MAX));
  CHECK(map.covers(top(), region_bytes));
  CHECK(map.find(nullptr) == nowhere);
  CHECK(map.find(reinterpret_cast<char*>(page)) == nowhere + 1);
}

TEST_CASE("a sized release of more than all addresses is not taken for one of no bytes") {
  Flat m(top());
  REQUIRE(m.add_region(top(), region_bytes) == region_bytes);
  constexpr int size_mismatch = static_cast<int>(Fault::size_mismatch);
  void* const block = m.heap.allocate(1, 2 * page);  // a page of its own
  REQUIRE(block != nullptr);
  CHECK(support::fault_of([&] { m.heap.deallocate(block, SIZE_MAX, 2 * page); }) == size_mismatch);
  m.heap.deallocate(block, 1, 2 * page);
  CHECK(inspect(m.heap).stats().used_bytes == 0);
}
