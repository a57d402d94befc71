// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/internal/pages/page_map.hpp: from an address to its descriptor.
#include "rsb/internal/pages/page_map.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;

namespace {

// Addresses that nothing is behind: a map never touches what they point to.
char* address(size_t a) {
  return reinterpret_cast<char*>(uintptr_t{0x0400'0000} + a);
}

constexpr Options two_levels{.page_size = 4 * KiB,
                             .span_size = 4 * KiB,
                             .address_bits = 28,
                             .radix_leaf_bits = 6,
                             .radix_inner_bits = 0};
constexpr Options three_levels{.page_size = 4 * KiB,
                               .span_size = 4 * KiB,
                               .address_bits = 28,
                               .radix_leaf_bits = 4,
                               .radix_inner_bits = 5};
constexpr size_t page = 4 * KiB;

struct TwoLevels {
  using MapType = RadixPageMap<two_levels>;
  static constexpr bool has_inner = false;
};
struct ThreeLevels {
  using MapType = RadixPageMap<three_levels>;
  static constexpr bool has_inner = true;
};

// Zeroed memory for nodes, as a page source would give it.
class Nodes {
 public:
  void* take(size_t bytes) {
    char* const node = align_up(support::arena + used_, page);
    used_ = bytes_from(support::arena, node) + bytes;
    REQUIRE(used_ <= support::arena_bytes);
    support::fill(node, bytes, 0);
    return node;
  }

 private:
  size_t used_ = 0;
};

// As the page allocator does it; how many nodes it took.
template <class M>
unsigned cover(M& map, Nodes& nodes, const void* base, size_t bytes) {
  unsigned installed = 0;
  while (const size_t missing = map.missing(base, bytes)) {
    CHECK(map.install(base, bytes, nodes.take(missing), missing));
    installed++;
    REQUIRE(installed < 100);
  }
  return installed;
}

}  // namespace

TEST_CASE_TEMPLATE("an empty radix map knows no address", L, TwoLevels, ThreeLevels) {
  typename L::MapType map;
  CHECK(map.find(nullptr) == nullptr);
  CHECK(map.find(&map) == nullptr);
  CHECK(map.find(reinterpret_cast<char*>(UINTPTR_MAX)) == nullptr);
}

TEST_CASE_TEMPLATE("a radix map asks for a leaf, and brings the inner node along", L, TwoLevels,
                   ThreeLevels) {
  using M = typename L::MapType;
  M map;
  Nodes nodes;
  const size_t first = map.missing(address(64 * page), page);
  CHECK(cover(map, nodes, address(64 * page), page) == 1);
  CHECK(map.missing(address(64 * page), page) == 0);
  CHECK(map.find(address(64 * page)) != nullptr);
  const size_t second = map.missing(address(64 * page) + M::leaf_reach, page);
  CHECK(second >= M::leaf_reach / page * sizeof(Span));
  CHECK((first > second) == L::has_inner);
  CHECK(cover(map, nodes, address(64 * page) + M::leaf_reach, page) == 1);
}

TEST_CASE_TEMPLATE("every page has a descriptor of its own, neighbours lie side by side", L,
                   TwoLevels, ThreeLevels) {
  using M = typename L::MapType;
  M map;
  Nodes nodes;
  char* const base = address(8 * M::leaf_reach);
  cover(map, nodes, base, M::leaf_reach);
  Span* const first = map.find(base);
  for (size_t i = 0; i < M::leaf_reach / page; i++) {
    CHECK(map.find(base + i * page) == first + i);
    CHECK(map.find(base + i * page + 1) == first + i);
    CHECK(map.find(base + i * page + page - 1) == first + i);
  }
  CHECK(map.find(base - 1) == nullptr);
  CHECK(map.find(base + M::leaf_reach) == nullptr);
}

TEST_CASE_TEMPLATE("descriptors of new nodes say none", L, TwoLevels, ThreeLevels) {
  typename L::MapType map;
  Nodes nodes;
  cover(map, nodes, address(0), 3 * page);
  for (size_t i = 0; i < 3; i++) {
    CHECK(map.find(address(i * page))->kind == Kind::none);
    CHECK(map.find(address(i * page))->border == border_none);
  }
}

TEST_CASE_TEMPLATE("a range across leaves gets them all, one that only touches the next does not",
                   L, TwoLevels, ThreeLevels) {
  using M = typename L::MapType;
  M map;
  Nodes nodes;
  char* const base = address(4 * M::leaf_reach);
  cover(map, nodes, base, M::leaf_reach);  // exactly one leaf
  CHECK(map.find(base + M::leaf_reach) == nullptr);
  CHECK(map.missing(base + M::leaf_reach - page, 2 * page) != 0);
  CHECK(cover(map, nodes, base + M::leaf_reach - page, 2 * M::leaf_reach) == 2);
  CHECK(map.find(base + M::leaf_reach) != nullptr);
  CHECK(map.find(base + 3 * M::leaf_reach - 2 * page) != nullptr);
  CHECK(map.missing(base, 3 * M::leaf_reach) == 0);
}

TEST_CASE_TEMPLATE("a hole between covered leaves is found", L, TwoLevels, ThreeLevels) {
  using M = typename L::MapType;
  M map;
  Nodes nodes;
  char* const base = address(4 * M::leaf_reach);
  cover(map, nodes, base, page);
  cover(map, nodes, base + 2 * M::leaf_reach, page);
  CHECK(map.missing(base, 3 * M::leaf_reach) != 0);
  CHECK(cover(map, nodes, base, 3 * M::leaf_reach) == 1);
}

TEST_CASE_TEMPLATE("a node that is not needed any more is refused", L, TwoLevels, ThreeLevels) {
  typename L::MapType map;
  Nodes nodes;
  const size_t size = map.missing(address(page), page);
  void* const spare = nodes.take(size);
  cover(map, nodes, address(page), page);
  Span* const before = map.find(address(page));
  CHECK_FALSE(map.install(address(page), page, spare, size));
  CHECK(map.find(address(page)) == before);
}

TEST_CASE("a leaf that brings an inner node along is refused where there is one by now") {
  RadixPageMap<three_levels> map;
  using M = RadixPageMap<three_levels>;
  Nodes nodes;
  const size_t both = map.missing(address(page), page);
  // Another thread has installed the neighbour meanwhile.
  cover(map, nodes, address(page) + M::leaf_reach, page);
  REQUIRE(map.missing(address(page), page) < both);
  CHECK_FALSE(map.install(address(page), page, nodes.take(both), both));
  CHECK(map.find(address(page)) == nullptr);
  CHECK(cover(map, nodes, address(page), page) == 1);
}

// ---- Windows in place of leaves

namespace {

// The node sizes that would do, from the largest on; returns how many there are.
template <class M>
size_t sizes_for(const M& map, const void* base, size_t bytes, size_t (&sizes)[32]) {
  size_t count = 0;
  for (size_t n = map.missing(base, bytes); n != 0; n = map.smaller_node(base, bytes, n)) {
    REQUIRE(count < 32);
    REQUIRE((count == 0 || n < sizes[count - 1]));
    sizes[count++] = n;
  }
  return count;
}

}  // namespace

TEST_CASE_TEMPLATE(
    "a map without memory for a leaf takes ever smaller nodes, the least fits a page", L, TwoLevels,
    ThreeLevels) {
  using M = typename L::MapType;
  size_t sizes[32];
  const size_t count = sizes_for(M{}, address(8 * M::leaf_reach), page, sizes);
  REQUIRE(count >= 2);
  CHECK(sizes[count - 1] <= page);
  // Each covers what it has descriptors for, around where it is missing, and nothing else.
  for (size_t i = 1; i < count; i++) {
    for (const size_t at : {size_t{0}, M::leaf_reach / page / 2, M::leaf_reach / page - 1}) {
      M map;
      Nodes nodes;
      char* const base = address(8 * M::leaf_reach) + at * page;
      REQUIRE(map.install(base, page, nodes.take(sizes[i]), sizes[i]));
      REQUIRE(map.find(base) != nullptr);
      size_t pages = 0;
      Span* first = nullptr;
      for (char* p = address(7 * M::leaf_reach); p != address(10 * M::leaf_reach); p += page) {
        Span* const span = map.find(p);
        if (span == nullptr) continue;
        if (first == nullptr) first = span;
        CHECK(span == first + pages++);
        CHECK(span->kind == Kind::none);
      }
      CHECK(pages == size_t{1} << floor_log2(sizes[i] / sizeof(Span)));
      CHECK(map.missing(base, page) == 0);
      CHECK(map.is_contiguous(base, page));
    }
  }
}

TEST_CASE_TEMPLATE("windows of all sizes cover a range without a gap, and never twice", L,
                   TwoLevels, ThreeLevels) {
  using M = typename L::MapType;
  support::Random random(5);
  for (int round = 0; round < 5; round++) {
    M map;
    Nodes nodes;
    char* const all = address(8 * M::leaf_reach);
    constexpr size_t most = 4 * M::leaf_reach / page;
    Span* known[most] = {};
    for (int step = 0; step < 30; step++) {
      char* const base = all + random.below(most) * page;
      const size_t bytes =
          smaller((1 + random.below(most / 3)) * page, bytes_from(base, all + most * page));
      size_t sizes[32];
      while (const size_t count = sizes_for(map, base, bytes, sizes)) {
        const size_t size = sizes[random.below(count)];
        REQUIRE(map.install(base, bytes, nodes.take(size), size));
      }
      // What was covered has the descriptors that it had; what is covered has one of its own.
      bool twice = false;
      bool moved = false;
      for (size_t i = 0; i < most; i++) {
        Span* const span = map.find(all + i * page);
        moved = moved || (known[i] != nullptr && span != known[i]);
        known[i] = span;
        if (span == nullptr) continue;
        for (size_t k = 0; k < i; k++) twice = twice || span == known[k];
      }
      CHECK_FALSE(twice);
      CHECK_FALSE(moved);
      for (size_t n = page; n <= bytes; n += page) {
        const bool is_contiguous = map.find(base + n - page) == map.find(base) + (n / page - 1);
        if (!is_contiguous) CHECK_FALSE(map.is_contiguous(base, n));
        if (map.is_contiguous(base, n)) CHECK(is_contiguous);
      }
    }
  }
}

TEST_CASE_TEMPLATE("no leaf comes where there is a window", L, TwoLevels, ThreeLevels) {
  using M = typename L::MapType;
  M map;
  Nodes nodes;
  char* const base = address(8 * M::leaf_reach);
  const size_t leaf = map.missing(base, page);
  const size_t window = map.smaller_node(base, page, leaf);
  REQUIRE(map.install(base, page, nodes.take(window), window));
  char* const other = base + M::leaf_reach - page;
  REQUIRE(map.find(other) == nullptr);
  CHECK_FALSE(map.install(other, page, nodes.take(leaf), leaf));
  CHECK(map.missing(other, page) < leaf);
  CHECK(cover(map, nodes, base, M::leaf_reach) == 1);  // the other half
  CHECK_FALSE(map.is_contiguous(base, M::leaf_reach));
  CHECK(map.is_contiguous(base, M::leaf_reach / 2));
}

TEST_CASE_TEMPLATE("blocks wait in the region of their window", L, TwoLevels, ThreeLevels) {
  using M = typename L::MapType;
  M map;
  Nodes nodes;
  char* const base = support::arena;
  for (size_t at = 0; at < 4; at++) {
    char* const p = base + at * M::leaf_reach;
    const size_t size = map.smaller_node(p, page, map.missing(p, page));
    REQUIRE(map.install(p, page, nodes.take(size), size));
  }
  CHECK(&map.region_of(base) != &map.region_of(base + M::leaf_reach));
  CHECK(&map.region_of(base) == &map.region_of(base + page));
}

TEST_CASE_TEMPLATE("what differs above address_bits is not found, at home or away", L, TwoLevels,
                   ThreeLevels) {
  typename L::MapType map;
  Nodes nodes;
  cover(map, nodes, address(page), page);
  cover(map, nodes, address(page + L::MapType::leaf_reach), page);
  for (const size_t p : {page, page + L::MapType::leaf_reach}) {
    CHECK(map.find(address(p)) != nullptr);
    CHECK(map.find(address(p + (size_t{1} << 28))) == nullptr);
  }
}

// ---- Flat
// -----------------------------------------------------------------------------------------

namespace {

constexpr Options flat{.page_size = 256, .span_size = 1 * KiB, .map = Map::flat};

}  // namespace

TEST_CASE("an empty flat map knows no address, and no node helps") {
  FlatPageMap<flat> map;
  CHECK(map.find(nullptr) == nullptr);
  CHECK(map.find(&map) == nullptr);
  CHECK_FALSE(map.covers(address(1024), 256));
  CHECK(map.missing(address(1024), 256) == FlatPageMap<flat>::no_node);
  CHECK_FALSE(map.install(address(1024), 256, support::arena, 256));
}

TEST_CASE("a window of a flat map covers exactly its pages") {
  FlatPageMap<flat> map;
  static Span descriptors[8];
  Window window{address(4096), 8, descriptors};
  map.add_window(&window);
  CHECK(map.find(address(4095)) == nullptr);
  for (size_t i = 0; i < 8; i++) {
    CHECK(map.find(address(4096 + i * 256)) == &descriptors[i]);
    CHECK(map.find(address(4096 + i * 256 + 255)) == &descriptors[i]);
  }
  CHECK(map.find(address(4096 + 8 * 256)) == nullptr);
  CHECK(map.covers(address(4096), 8 * 256));
  CHECK(map.covers(address(4096 + 7 * 256), 256));
  CHECK_FALSE(map.covers(address(4096), 8 * 256 + 1));
  CHECK_FALSE(map.covers(address(4096 + 7 * 256), 257));
  CHECK_FALSE(map.covers(address(4095), 2));
  CHECK(map.missing(address(4096), 8 * 256) == 0);
}

TEST_CASE("a flat map holds any number of windows, in any order of addresses") {
  FlatPageMap<flat> map;
  static Span descriptors[3][2];
  Window windows[3];
  const size_t bases[3] = {8192, 1024, 65536};
  for (size_t i = 0; i < 3; i++) {
    windows[i] = {address(bases[i]), 2, descriptors[i]};
    map.add_window(&windows[i]);
  }
  for (size_t i = 0; i < 3; i++) {
    CHECK(map.find(address(bases[i] + 256)) == &descriptors[i][1]);
    CHECK(map.find(address(bases[i] + 512)) == nullptr);
    CHECK(map.find(address(bases[i] - 1)) == nullptr);
  }
  CHECK_FALSE(map.covers(address(1024), 65536));
}

TEST_CASE("the options choose the kind of map") {
  CHECK(SameAs<PageMap<flat>, FlatPageMap<flat>>);
  CHECK(SameAs<PageMap<two_levels>, RadixPageMap<two_levels>>);
}

TEST_CASE("a region's own window comes before one that covers it later") {
  FlatPageMap<flat> map;
  const Window* const own = map.add_region(support::arena, 4 * KiB);
  REQUIRE(own != nullptr);
  static Span descriptors[support::arena_bytes / 256];
  Window all{support::arena, support::arena_bytes / 256, descriptors};
  map.add_window(&all);
  CHECK(map.find(own->base) == own->descriptors);
  CHECK(map.find(support::arena) == descriptors);  // where the region's descriptors are
  CHECK(map.find(support::arena + 4 * KiB) == descriptors + 16);
  Window* const found = map.removable_window(support::arena, 4 * KiB);
  REQUIRE(found == own);
  map.remove_window(found);
  CHECK(map.find(own->base) == descriptors + bytes_from(support::arena, own->base) / 256);
  CHECK(map.removable_window(support::arena, 4 * KiB) == nullptr);
}

TEST_CASE("a window that is removed stays in its place, and serves the same region again") {
  FlatPageMap<flat> map;
  for (int i = 0; i < 10; i++) {
    Window* const first = const_cast<Window*>(map.add_region(support::arena, 4 * KiB));
    Window* const second = const_cast<Window*>(map.add_region(support::arena + 8 * KiB, 4 * KiB));
    REQUIRE((first != nullptr && second != nullptr));
    CHECK(map.lives_in(support::arena, 64));
    CHECK(map.find(first->base) == first->descriptors);
    char* const base = first->base;
    map.remove_window(first);
    CHECK(map.find(base) == nullptr);
    CHECK_FALSE(map.covers(base, 1));
    CHECK_FALSE(map.lives_in(support::arena, 4 * KiB));
    CHECK(map.find(second->base) == second->descriptors);
    map.remove_window(second);
  }
  // Of four places two are left.
  for (size_t i = 2; i < 6; i++) {
    char* const base = support::arena + i * 8 * KiB;
    const Window* const window = map.add_region(base, 4 * KiB);
    REQUIRE(window != nullptr);
    CHECK((map.removable_window(base, 4 * KiB) == window) == (i < 4));
  }
}
