// SPDX-License-Identifier: MIT OR Apache-2.0
// From an address to the descriptor of its page. Two ways, one interface:
//
//   Span* find(p)            the descriptor, or null. Takes no lock: the entry of a live block
//                            does not change. Never touches what p points to. Constant
//                            time; see FlatPageMap, and RadixPageMap where memory is scarce.
//   Span* find_near(p)       the same, or null also if it would take more than a look; of what is
//                            not ours it may find the descriptor of a page not in use
//   size_t missing(p, n)     bytes of a node that must be installed before [p, p + n) is covered; 0
//                            if it is. Takes no lock either.
//   size_t smaller_node(p, n, bytes)
//                            bytes of the next smaller node that would also do, though others may
//                            have to follow; 0: none
//   bool install(p, n, node, bytes)
//                            hands over zeroed memory of either size; false: another thread has. To
//                            be called under the heap's lock.
//   deferred(), region_of(p) the blocks that were freed without waiting, see deferred_frees.hpp
//
// Room pages: for the rooms bins and caches, and for the heaps above them.
#pragma once

#include "rsb/internal/blocks/deferred_frees.hpp"
#include "rsb/internal/pages/span.hpp"
#include "rsb/options.hpp"

namespace rsb {

// Memory that is known by address, and the descriptors of its pages, zeroed at first: a region
// handed to the heap (its descriptors at its front), or the part of the address space in which a
// page source lives (both where the user says, and for as long as the heap).
// Blocks that lie 8 GiB and more behind the beginning of a window cannot be freed without waiting.
struct Window {
  char* base = nullptr;
  size_t pages = 0;  // 0: the region was taken out again
  Span* descriptors = nullptr;
  Window* next = nullptr;
  DeferredFrees::Region deferred{};
};

// For addresses that are not known beforehand. A tree whose leaves are arrays of descriptors,
// indexed by page number. On hosted systems large leaves of demand-zero memory are fastest: nearly
// all of a process's memory lies below the first one. Bits of an address above `address_bits` do
// not lead through the tree: they must be those of all memory, and a lookup compares them.
//
// Where there is no memory for a leaf, a window will do: a node for an aligned part of what the
// leaf would cover. Windows are looked at one after the other, behind the tree. No two of them
// overlap, nor does a leaf come where there is one.
template <Options options>
class RadixPageMap {
  static constexpr unsigned leaf_bits = options.radix_leaf_bits;
  static constexpr unsigned inner_bits = options.radix_inner_bits;
  static constexpr unsigned root_bits = options.page_number_bits() - leaf_bits - inner_bits;

  // Bytes that one leaf covers, and one of its regions.
  static constexpr uint64_t reach = uint64_t{options.page_size} << leaf_bits;
  static constexpr uint64_t region_reach = uint64_t{1} << 32;
  static constexpr size_t regions = reach > region_reach
                                        ? integer_cast<size_t>(reach / region_reach)
                                        : 1;

  struct Leaf {
    Span pages[size_t{1} << leaf_bits];
    DeferredFrees::Region deferred[regions];
  };
  struct Inner {
    void* leaves[size_t{1} << inner_bits];
  };
  // The first leaf below an inner node brings it along.
  struct LeafAndInner {
    Leaf leaf;
    Inner inner;
  };

  // A window's node: the descriptors of 2^bits pages, and the window behind them.
  static constexpr size_t window_bytes(unsigned bits) {
    return (sizeof(Span) << bits) + sizeof(Window);
  }
  // The largest window is all of one region, the least fits in a page.
  static constexpr unsigned most_window_bits = [] {
    const unsigned region_bits = 32 - options.page_shift();
    return leaf_bits <= region_bits ? leaf_bits - (leaf_bits != 0) : region_bits;
  }();
  static constexpr unsigned least_window_bits = [] {
    unsigned bits = 0;
    while (bits < most_window_bits && window_bytes(bits + 1) <= options.page_size) bits++;
    return bits;
  }();

 public:
  // Bytes that one leaf covers.
  static constexpr size_t leaf_reach = options.page_size << leaf_bits;

  // Of the largest node that cannot be done without.
  static constexpr size_t needed_node_bytes =
      leaf_bits == 0 ? sizeof(LeafAndInner) : window_bytes(least_window_bits);

  constexpr RadixPageMap() noexcept = default;

  Span* find(const void* p) const noexcept {
    const size_t pages =
        load_acquire(&home_.pages);  // who sees that there are some, sees all of it
    const size_t index = page_number(p) - load_relaxed(&home_.first);
    return index < pages ? home_.descriptors + index : find_far(p);
  }

  // Here, home is looked at in an order that is good for no more than an address of which somebody
  // has told the calling thread that it is ours. Of others, or of null, this may find the
  // descriptor of a page that is not in use, while another thread installs the first node.
  Span* find_near(const void* p) const noexcept {
    // Asking whether p is at home lets the processor guess the answer and go on, where a load from
    // the tree would have to wait for p.
    const size_t index = page_number(p) - load_in_place(&home_.first);
    if (!is_below(index, &home_.pages)) [[unlikely]]
      return nullptr;
    Span* const found = home_.descriptors + index;
    if (found == nullptr) __builtin_unreachable();
    return found;
  }

  // Whether the descriptors of [base, base + bytes), which must be covered, lie one behind the
  // other.
  bool is_contiguous(const void* base, size_t bytes) const noexcept {
    return covered_from(base) >= bytes;
  }

  bool covers_any() const noexcept { return load_acquire(&home_.pages) != 0; }

  // Whether [base, base + bytes) cannot be mistaken for other addresses: all that is covered agrees
  // in the bits above `address_bits`, as addresses of one half do. True while nothing is.
  bool tells_apart(const void* base, size_t bytes) const noexcept {
    return !covers_any() ||
           (agrees_with_home(base) && agrees_with_home(address_behind(base, bytes - 1)));
  }

  size_t missing(const void* base, size_t bytes) const noexcept {
    const void* const hole = first_hole(base, bytes);
    if (hole == nullptr) return 0;
    return has_room_for_leaf(hole) ? leaf_bytes(hole) : window_bytes(window_bits(hole));
  }

  size_t smaller_node(const void* base, size_t bytes, size_t node_bytes) const noexcept {
    const void* const hole = first_hole(base, bytes);
    if (hole == nullptr || leaf_bits == 0) return 0;
    for (unsigned bits = window_bits(hole);; bits--) {
      if (window_bytes(bits) < node_bytes) return window_bytes(bits);
      if (bits == least_window_bits) return 0;
    }
  }

  bool install(const void* base, size_t bytes, void* node, size_t node_bytes) noexcept {
    const void* const hole = first_hole(base, bytes);
    if (hole == nullptr) return false;
    if (has_room_for_leaf(hole) && node_bytes == leaf_bytes(hole)) {
      install_leaf(hole, node);
      return true;
    }
    if (leaf_bits == 0) return false;
    for (unsigned bits = window_bits(hole); window_bytes(bits) >= node_bytes; bits--) {
      if (window_bytes(bits) == node_bytes) {
        install_window(hole, bits, node);
        return true;
      }
      if (bits == least_window_bits) break;
    }
    return false;
  }

  DeferredFrees& deferred() noexcept { return deferred_; }
  const DeferredFrees& deferred() const noexcept { return deferred_; }

  // p must be covered.
  DeferredFrees::Region& region_of(const void* p) noexcept {
    Leaf* const leaf = leaf_of(p);
    if (leaf == nullptr) [[unlikely]]
      return window_of(p)->deferred;
    if constexpr (regions == 1) return leaf->deferred[0];
    return leaf->deferred[bytes_into(p, leaf_reach) / region_reach];
  }

 private:
  static constexpr size_t mask(unsigned bits) { return (size_t{1} << bits) - 1; }

  static size_t page_number(const void* p) noexcept {
    return address_of(p) >> options.page_shift();
  }

  static size_t root_index(const void* p) noexcept {
    return (page_number(p) >> (leaf_bits + inner_bits)) & mask(root_bits);
  }

  static size_t inner_index(const void* p) noexcept {
    return (page_number(p) >> leaf_bits) & mask(inner_bits);
  }

  // In the bits above `address_bits`.
  bool agrees_with_home(const void* p) const noexcept {
    if constexpr (options.address_bits == sizeof(void*) * __CHAR_BIT__) return true;
    return (page_number(p) ^ load_relaxed(&home_.first)) >> options.page_number_bits() == 0;
  }

  // The beginning of the 2^bits pages, at a multiple of as many, in which p lies.
  static char* block_around(const void* p, unsigned bits) noexcept {
    return address_behind(p, -bytes_into(p, options.page_size << bits));
  }

  // ---- Looking up ----

  [[gnu::noinline]] Span* find_far(const void* p) const noexcept {
    if (!agrees_with_home(p)) return nullptr;
    if (Leaf* const leaf = leaf_of(p)) return &leaf->pages[page_number(p) & mask(leaf_bits)];
    Window* const window = window_of(p);
    if (window == nullptr) return nullptr;
    return &window->descriptors[bytes_from(window->base, p) >> options.page_shift()];
  }

  Leaf* leaf_of(const void* p) const noexcept {
    void* node = load_acquire(&root_[root_index(p)]);
    if constexpr (inner_bits != 0) {
      if (node == nullptr) return nullptr;
      node = load_acquire(&static_cast<Inner*>(node)->leaves[inner_index(p)]);
    }
    return static_cast<Leaf*>(node);
  }

  Window* window_of(const void* p) const noexcept {
    Window* w = load_acquire(&windows_);
    while (w != nullptr && bytes_from(w->base, p) >> options.page_shift() >= w->pages) w = w->next;
    return w;
  }

  // How far memory is covered from p on, by the same node.
  size_t covered_from(const void* p) const noexcept {
    if (leaf_of(p) != nullptr) return leaf_reach - bytes_into(p, leaf_reach);
    const Window* const w = window_of(p);
    return w != nullptr ? (w->pages << options.page_shift()) - bytes_from(w->base, p) : 0;
  }

  // The first address from base on that nothing covers yet; null if there is none.
  const void* first_hole(const void* base, size_t bytes) const noexcept {
    const char* p = static_cast<const char*>(base);
    for (;;) {
      const size_t covered = covered_from(p);
      if (covered == 0) return p;
      if (bytes <= covered) return nullptr;
      bytes -= covered;
      p += covered;
    }
  }

  // ---- Installing ----

  bool is_free_of_windows(const void* base, size_t bytes) const noexcept {
    for (const Window* w = load_acquire(&windows_); w != nullptr; w = w->next) {
      if (overlap(w->base, w->pages << options.page_shift(), base, bytes)) return false;
    }
    return true;
  }

  bool has_room_for_leaf(const void* hole) const noexcept {
    return is_free_of_windows(block_around(hole, leaf_bits), leaf_reach);
  }

  size_t leaf_bytes(const void* hole) const noexcept {
    return has_inner(hole) ? sizeof(Leaf) : sizeof(LeafAndInner);
  }

  // Of the largest window around a hole.
  unsigned window_bits(const void* hole) const noexcept {
    unsigned bits = most_window_bits;
    while (bits > least_window_bits &&
           !is_free_of_windows(block_around(hole, bits), options.page_size << bits)) {
      bits--;
    }
    return bits;
  }

  bool has_inner(const void* p) const noexcept {
    return inner_bits == 0 || load_acquire(&root_[root_index(p)]) != nullptr;
  }

  void install_leaf(const void* hole, void* node) noexcept {
    Leaf* const leaf = static_cast<Leaf*>(node);
    char* const base = block_around(hole, leaf_bits);
    char* region_base = base;
    for (DeferredFrees::Region& region : leaf->deferred) {
      deferred_.add(region, region_base);
      region_base = address_behind(region_base, static_cast<size_t>(region_reach));
    }
    void** slot = &root_[root_index(hole)];
    if constexpr (inner_bits != 0) {
      if (*slot == nullptr) {
        store_release(slot, static_cast<void*>(&static_cast<LeafAndInner*>(node)->inner));
      }
      slot = &static_cast<Inner*>(*slot)->leaves[inner_index(hole)];
    }
    store_release(slot, static_cast<void*>(leaf));
    settle(base, leaf->pages, size_t{1} << leaf_bits);
  }

  void install_window(const void* hole, unsigned bits, void* node) noexcept {
    Span* const descriptors = static_cast<Span*>(node);
    const size_t pages = size_t{1} << bits;
    Window* const window = reinterpret_cast<Window*>(descriptors + pages);
    window->base = block_around(hole, bits);
    window->pages = pages;
    window->descriptors = descriptors;
    window->next = windows_;
    deferred_.add(window->deferred, window->base);
    store_release(&windows_, window);
    settle(window->base, descriptors, pages);
  }

  // Home is what the first node covers, for good.
  void settle(const char* base, Span* descriptors, size_t pages) noexcept {
    if (home_.pages != 0) return;
    store_relaxed(&home_.first, page_number(base));
    home_.descriptors = descriptors;
    store_release(&home_.pages, pages);
  }

  // All zeroes at first: so a heap takes no space in the program's file.
  struct Home {
    size_t first = 0;
    size_t pages = 0;
    Span* descriptors = nullptr;
  };

  Home home_;
  Window* windows_ = nullptr;
  void* root_[size_t{1} << root_bits] = {};
  DeferredFrees deferred_;
};

// For memory that is known by address: windows, tried one after the other in the order in which
// they were added, so that a lookup takes time linear in their number.
//
// A lookup takes no lock, so a window that it may be looking at stays where it is. One that is
// taken out only loses its pages; nobody who has a live block can be on the way to it. It serves
// again if the same region comes back. That is why removable regions have their windows here, and
// why there is a limit.
template <Options options>
class FlatPageMap {
 public:
  constexpr FlatPageMap() noexcept = default;

  Span* find(const void* p) const noexcept {
    for (const Window* w = first(); w != nullptr; w = after(w)) {
      const size_t page = bytes_from(w->base, p) >> options.page_shift();
      if (page < pages_of(w)) return &w->descriptors[page];
    }
    return nullptr;
  }

  Span* find_near(const void* p) const noexcept { return find(p); }

  static bool is_contiguous(const void*, size_t) noexcept { return true; }

  size_t missing(const void* base, size_t bytes) const noexcept {
    return covers(base, bytes) ? 0 : no_node;
  }

  size_t smaller_node(const void*, size_t, size_t) const noexcept { return 0; }

  bool install(const void*, size_t, void*, size_t) noexcept { return false; }

  static constexpr size_t needed_node_bytes = 0;

  // Of each page the window tells.
  static bool covers_any() noexcept { return true; }
  static bool tells_apart(const void*, size_t) noexcept { return true; }

  // No node helps: the memory lies outside the windows.
  static constexpr size_t no_node = SIZE_MAX;

  bool covers(const void* base, size_t bytes) const noexcept {
    for (const Window* w = first(); w != nullptr; w = after(w)) {
      // In pages, since a window may be as large as all addresses.
      const size_t offset = bytes_from(w->base, base);
      const size_t end = bytes > 1 ? offset + bytes - 1 : offset;
      const size_t pages = pages_of(w);
      if (offset >> options.page_shift() < pages && end >> options.page_shift() < pages) {
        return true;
      }
    }
    return false;
  }

  // Whether the memory holds windows or descriptors.
  bool lives_in(const void* base, size_t bytes) const noexcept {
    for (const Window* w = first(); w != nullptr; w = after(w)) {
      if (overlap(w, sizeof *w, base, bytes)) return true;
      const size_t pages = pages_of(w);
      if (pages != 0 && overlap(w->descriptors, pages * sizeof(Span), base, bytes)) return true;
    }
    return false;
  }

  // All of the following under the heap's lock.

  // It may cover regions that have windows already: theirs come first.
  void add_window(Window* window) noexcept {
    window->next = nullptr;
    Window** link = &first_;
    while (*link != nullptr) link = &(*link)->next;
    deferred_.add(window->deferred, window->base);
    store_release(link, window);
  }

  // A window for a region that lies in none, with descriptors at its front of as many pages as fit
  // behind them. Null: fewer than `least` do, or a part of the region lies in a window.
  const Window* add_region(void* base, size_t bytes, size_t least = 1) noexcept {
    for (const Window* w = first(); w != nullptr; w = w->next) {
      if (w->pages != 0 && overlap(w->base, w->pages << options.page_shift(), base, bytes)) {
        return nullptr;
      }
    }
    Window layout = layout_of(base, bytes);
    Window* window = own_window(layout);
    if (window == nullptr) {
      window = reinterpret_cast<Window*>(align_up(base, alignof(Span)));
      const size_t used = bytes_from(base, window + 1);
      if (used >= bytes) return nullptr;
      layout = layout_of(window + 1, bytes - used);
    }
    if (layout.pages < least) return nullptr;
    __builtin_memset(static_cast<void*>(layout.descriptors), 0, layout.pages * sizeof(Span));
    if (is_own(window) && window->base != nullptr) {  // the region was here before
      store_release(&window->pages, layout.pages);
    } else {
      *window = layout;
      add_window(window);
    }
    return window;
  }

  // The window that add_region() made of the same arguments; null if there is none that can be
  // removed.
  Window* removable_window(void* base, size_t bytes) noexcept {
    const Window layout = layout_of(base, bytes);
    Window* const window = own_window(layout);
    return window != nullptr && window->base != nullptr && window->pages == layout.pages &&
                   layout.pages != 0
               ? window
               : nullptr;
  }

  void remove_window(Window* window) noexcept { store_release(&window->pages, size_t{0}); }

  DeferredFrees& deferred() noexcept { return deferred_; }
  const DeferredFrees& deferred() const noexcept { return deferred_; }

  // p must be covered.
  DeferredFrees::Region& region_of(const void* p) noexcept {
    Window* w = load_acquire(&first_);
    while (bytes_from(w->base, p) >> options.page_shift() >= pages_of(w)) {
      w = load_acquire(&w->next);
    }
    return w->deferred;
  }

 private:
  const Window* first() const noexcept { return load_acquire(&first_); }
  static const Window* after(const Window* w) noexcept { return load_acquire(&w->next); }
  static size_t pages_of(const Window* w) noexcept { return load_relaxed(&w->pages); }

  static Window layout_of(void* base, size_t bytes) noexcept {
    constexpr size_t page = options.page_size;
    char* const descriptors = align_up(base, alignof(Span));
    const size_t skipped = bytes_from(base, descriptors);
    if (skipped >= bytes) return {};
    size_t pages = smaller((bytes - skipped) / (page + sizeof(Span)), options.most_run_pages());
    char* first = align_up(descriptors + pages * sizeof(Span), page);
    while (pages != 0 && bytes_from(base, first) + pages * page > bytes) {
      pages--;
      first = align_up(descriptors + pages * sizeof(Span), page);
    }
    return {first, pages, reinterpret_cast<Span*>(descriptors)};
  }

  bool is_own(const Window* window) const noexcept {
    return bytes_from(own_, window) < sizeof own_;
  }

  // The one that the region has, or had; else one that was never used, or null.
  Window* own_window(const Window& layout) noexcept {
    for (Window& w : own_) {
      if (w.base == nullptr) return &w;
      if (w.descriptors != layout.descriptors || w.base != layout.base) continue;
      if (w.pages == 0 || w.pages == layout.pages) return &w;
    }
    return nullptr;
  }

  Window* first_ = nullptr;
  Window own_[options.removable_regions] = {};
  DeferredFrees deferred_;
};

template <Options options, Map kind>
struct PageMapOf {
  using Type = RadixPageMap<options>;
};
template <Options options>
struct PageMapOf<options, Map::flat> {
  using Type = FlatPageMap<options>;
};
template <Options options>
using PageMap = typename PageMapOf<options, options.map>::Type;

}  // namespace rsb
