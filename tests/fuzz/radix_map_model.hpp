// SPDX-License-Identifier: MIT OR Apache-2.0
// A page map that is a tree, beside a model that knows which node covers what. Nothing is at the
// addresses: a map never touches them. Who includes this defines HOLDS before.
#pragma once

#include <map>
#include <new>
#include <set>
#include <vector>

#include "fuzz/map_request.hpp"
#include "rsb/internal/pages/page_map.hpp"

namespace fuzz {

template <rsb::Options options>
class RadixMapModel {
  using Map = rsb::RadixPageMap<options>;
  using Ask = MapRequest::Ask;
  using Span = rsb::Span;

  static constexpr size_t page = options.page_size;
  static constexpr size_t leaf_pages = size_t{1} << options.radix_leaf_bits;
  static constexpr bool has_high_bits = options.address_bits < sizeof(void*) * __CHAR_BIT__;

 public:
  RadixMapModel() : map_(*new (map_space_) Map()) {}
  ~RadixMapModel() { map_.~Map(); }
  RadixMapModel(const RadixMapModel&) = delete;
  RadixMapModel& operator=(const RadixMapModel&) = delete;

  void apply(const MapRequest& r) {
    // What begins at address 0 nobody has: that is null, and the map says so of what is not there.
    const uintptr_t base = rsb::larger(round_down(address_of(r), page), page);
    const size_t bytes = within_addresses(base, (1 + r.which * 3 * leaf_pages / 256) * page);
    HOLDS(map_.tells_apart(pointer(base), bytes) == tells_apart(base, bytes));
    switch (r.ask) {
      case Ask::cover:
        cover(base, bytes);
        break;
      case Ask::cover_piecemeal:
        cover(base, bytes, 1 + r.which % 7);
        break;
      case Ask::install_stale:
        install_stale(base, bytes, r.size);
        break;
      case Ask::nodes_scarce:
        largest_node_ = r.size % 2 == 0 ? SIZE_MAX : r.size;
        break;
      case Ask::look:
        compare_around(address_of(r));
        compare_around(base + bytes);
        break;
      default:
        break;
    }
    HOLDS(map_.covers_any() == !nodes_.empty());
  }

  void finish() {
    std::set<const void*> regions;
    for (const auto& [base, node] : nodes_) {
      compare_node(base, node);
      regions.insert(&map_.region_of(pointer(base)));
    }
    HOLDS(regions.size() == nodes_.size());
    for (const uintptr_t p : {uintptr_t{0}, UINTPTR_MAX, UINTPTR_MAX / 2, UINTPTR_MAX / 2 + 1}) {
      compare(p);
    }
  }

 private:
  // What one node covers, and where its descriptors are.
  struct Node {
    size_t pages;
    Span* descriptors;
  };

  static void* pointer(uintptr_t p) { return reinterpret_cast<void*>(p); }
  static uintptr_t round_down(uintptr_t p, size_t multiple) { return p & ~uintptr_t{multiple - 1}; }

  static uintptr_t high(uintptr_t p) {
    if constexpr (has_high_bits) return p >> options.address_bits;
    return 0;
  }

  // Near a border of what the map tells apart, most often in the same part of all addresses.
  uintptr_t address_of(const MapRequest& r) const {
    constexpr uintptr_t most =
        has_high_bits ? (uintptr_t{1} << options.address_bits % 64) - 1 : UINTPTR_MAX;
    const uintptr_t anchors[] = {0, most / 2 + 1, most / 5, nodes_.empty() ? 0 : last_};
    const uintptr_t high_bits[] = {nodes_.empty() ? 0 : nodes_.begin()->first,
                                   nodes_.empty() ? UINTPTR_MAX : nodes_.begin()->first, 0,
                                   UINTPTR_MAX};
    const size_t distance = r.size * (r.which % 4 == 0   ? page
                                      : r.which % 4 == 1 ? page * leaf_pages / 2
                                                         : page / 64);
    const uintptr_t anchor = anchors[r.place % 4];
    const uintptr_t low = r.which / 4 % 2 == 0 ? anchor + distance : anchor - distance - 1;
    return (low & most) | (high_bits[r.place / 4] & ~most);
  }

  // As many as do not reach beyond the last address; nor, where nothing is covered yet, beyond what
  // agrees in the upper bits.
  size_t within_addresses(uintptr_t base, size_t bytes) const {
    const uintptr_t most = has_high_bits && nodes_.empty()
                               ? base | ((uintptr_t{1} << options.address_bits % 64) - 1)
                               : UINTPTR_MAX;
    return rsb::smaller(bytes - 1, most - base) + 1;
  }

  // ---- The model's answers ----

  // The node that covers p; end() if there is none.
  auto around(uintptr_t p) const {
    auto next = nodes_.upper_bound(p);
    if (next == nodes_.begin()) return nodes_.end();
    --next;
    return p - next->first < next->second.pages * page ? next : nodes_.end();
  }

  Span* find(uintptr_t p) const {
    const auto node = around(p);
    return node == nodes_.end() ? nullptr : node->second.descriptors + (p - node->first) / page;
  }

  bool tells_apart(uintptr_t base, size_t bytes) const {
    if (nodes_.empty()) return true;
    const uintptr_t home = high(nodes_.begin()->first);
    return high(base) == home && high(base + (bytes - 1)) == home;
  }

  // From p on, by the same node.
  size_t covered_from(uintptr_t p) const {
    const auto node = around(p);
    return node == nodes_.end() ? 0 : node->second.pages * page - (p - node->first);
  }

  // How many bytes at the beginning are covered.
  size_t covered(uintptr_t base, size_t bytes) const {
    size_t sum = 0;
    while (sum < bytes) {
      const size_t more = covered_from(base + sum);
      if (more == 0) return sum;
      sum += more;
    }
    return bytes;
  }

  // Whether nothing is covered of the `pages`, at a multiple of as many, around p.
  bool is_free(uintptr_t p, size_t pages) const {
    const uintptr_t base = round_down(p, pages * page);
    const auto next = nodes_.lower_bound(base);
    if (next != nodes_.end() && next->first - base < pages * page) return false;
    return around(base) == nodes_.end();
  }

  bool has_inner(uintptr_t p) const {
    const size_t reach = (leaf_pages * page) << options.radix_inner_bits;
    return options.radix_inner_bits == 0 || roots_.count(round_down(p, reach)) != 0;
  }

  // ---- Covering ----

  // For how many pages a node of so many bytes has descriptors.
  static size_t pages_of(size_t bytes) {
    return rsb::smaller(leaf_pages, size_t{1} << rsb::floor_log2(bytes / sizeof(Span)));
  }

  // The sizes of nodes that will do, from the largest on.
  std::vector<size_t> sizes_for(uintptr_t base, size_t bytes) {
    std::vector<size_t> sizes;
    const size_t known = covered(base, bytes);
    void* const p = pointer(base);
    for (size_t n = map_.missing(p, bytes); n != 0; n = map_.smaller_node(p, bytes, n)) {
      HOLDS((sizes.empty() || n < sizes.back()));
      sizes.push_back(n);
    }
    HOLDS(sizes.empty() == (known == bytes));
    if (sizes.empty()) return sizes;
    // A leaf if there is room for one, and an inner node if it is the first there.
    const uintptr_t hole = base + known;
    HOLDS((pages_of(sizes[0]) == leaf_pages) == is_free(hole, leaf_pages));
    if (pages_of(sizes[0]) == leaf_pages) {
      const size_t inner = has_inner(hole) ? 0 : sizeof(void*) << options.radix_inner_bits;
      HOLDS(sizes[0] >= leaf_pages * sizeof(Span) + inner);
      HOLDS(sizes[0] < leaf_pages * (sizeof(Span) + sizeof(void*)) + inner + page);
    }
    for (const size_t n : sizes) HOLDS(is_free(hole, pages_of(n)));
    HOLDS(sizes.back() <= rsb::larger(Map::needed_node_bytes, page));
    return sizes;
  }

  // As the page allocator does it; `step`: of the sizes that would do each time another one.
  void cover(uintptr_t base, size_t bytes, size_t step = 0) {
    if (!tells_apart(base, bytes)) return;
    size_t which = 0;
    for (;;) {
      const std::vector<size_t> sizes = sizes_for(base, bytes);
      if (sizes.empty()) break;
      size_t i = (which += step) % sizes.size();
      while (i < sizes.size() && !has_node(sizes[i])) i++;
      if (i == sizes.size()) return;
      void* const node = take_node(sizes[i]);
      HOLDS(map_.install(pointer(base), bytes, node, sizes[i]));
      covers_now(base + covered(base, bytes), node, sizes[i]);
    }
    const bool is_contiguous = map_.is_contiguous(pointer(base), bytes);
    HOLDS(is_contiguous == (covered_from(base) >= bytes));
  }

  // A size that was right once, perhaps before another thread had installed something.
  void install_stale(uintptr_t base, size_t bytes, size_t which) {
    if (!tells_apart(base, bytes) || seen_.empty()) return;
    const size_t size = seen_[which % seen_.size()];
    if (!has_node(size)) return;
    bool will_do = false;
    for (const size_t n : sizes_for(base, bytes)) will_do |= n == size;
    const size_t used = used_;
    void* const node = take_node(size);
    HOLDS(map_.install(pointer(base), bytes, node, size) == will_do);
    if (will_do) {
      covers_now(base + covered(base, bytes), node, size);
    } else {
      used_ = used;
      compare_around(base);
    }
  }

  // What was installed at an address that nothing covered covers what is around it.
  void covers_now(uintptr_t hole, void* memory, size_t bytes) {
    const size_t pages = pages_of(bytes);
    const uintptr_t base = round_down(hole, pages * page);
    Span* const found = map_.find(pointer(hole));
    HOLDS(found != nullptr);
    const size_t into = rsb::bytes_from(memory, found);
    HOLDS(into % sizeof(Span) == 0);
    HOLDS(into / sizeof(Span) >= (hole - base) / page);
    Span* const descriptors = found - (hole - base) / page;
    HOLDS(rsb::bytes_from(memory, descriptors) + pages * sizeof(Span) <= bytes);
    HOLDS(is_free(hole, pages));
    if (pages == leaf_pages)
      roots_.insert(round_down(hole, (leaf_pages * page) << options.radix_inner_bits));
    seen_.push_back(bytes);
    last_ = base;
    compare_node(base, nodes_[base] = {pages, descriptors});
  }

  // ---- Comparing ----

  void compare(uintptr_t p) const {
    Span* const expected = find(p);
    HOLDS(map_.find(pointer(p)) == expected);
    Span* const near = map_.find_near(pointer(p));
    HOLDS((near == nullptr || near == expected));
  }

  // An address, and those that could be mistaken for it.
  void compare_around(uintptr_t p) const {
    for (const uintptr_t at : {p, p - 1, p + page, p - page, ~p}) compare(at);
    for (unsigned bit = rsb::floor_log2(page); bit < sizeof p * __CHAR_BIT__; bit++) {
      compare(p ^ uintptr_t{1} << bit);
    }
  }

  void compare_node(uintptr_t base, const Node& node) {
    const size_t every = rsb::larger(node.pages / 16, 1);
    for (size_t i = 0; i < node.pages; i += every) {
      compare(base + i * page);
      compare(base + i * page + (page - 1));
    }
    const uintptr_t last = base + node.pages * page - 1;
    HOLDS(map_.find(pointer(last)) == node.descriptors + (node.pages - 1));
    HOLDS(map_.is_contiguous(pointer(base), node.pages * page));
    for (const uintptr_t p : {base, last}) {
      compare_around(p);
      HOLDS(rsb::DeferredFrees::reaches(map_.region_of(pointer(p)), pointer(p)));
    }
    compare(last + 1);
  }

  // ---- Memory for nodes ----

  static constexpr size_t node_memory_bytes = 2 * rsb::MiB;

  static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }
  bool has_node(size_t bytes) const {
    return bytes <= largest_node_ && rounded(bytes) <= node_memory_bytes - used_;
  }
  void* take_node(size_t bytes) {
    char* const node = node_memory_ + used_;
    used_ += rounded(bytes);
    __builtin_memset(node, 0, bytes);
    return node;
  }

  alignas(64) static inline char node_memory_[node_memory_bytes];
  alignas(Map) static inline char map_space_[sizeof(Map)];

  Map& map_;
  std::map<uintptr_t, Node> nodes_;
  std::set<uintptr_t> roots_;  // where there is an inner node
  std::vector<size_t> seen_;   // sizes of nodes
  uintptr_t last_ = 0;
  size_t used_ = 0;
  size_t largest_node_ = SIZE_MAX;  // that can be had
};

}  // namespace fuzz
