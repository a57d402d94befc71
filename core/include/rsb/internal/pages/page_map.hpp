// From an address to the descriptor of its page. Two ways, one interface:
//
//   Span* find(p)            the descriptor, or null. Takes no lock: the entry of a live block
//                            does not change. Never touches what p points to. Constant
//                            time; see FlatPageMap.
//   Span* find_near(p)       the same, or null also if it would take more than a look
//   size_t missing(p, n)     bytes of a node that must be installed before [p, p + n) is covered; 0
//                            if it is. Takes no lock either.
//   bool install(p, n, node) hands over zeroed memory of that size; false: another thread has. To
//   be
//                            called under the heap's lock, for the sake of deferred().
//   deferred(), region_of(p) the blocks that were freed without waiting, see deferred_frees.hpp
//
// Room pages: for the rooms bins and caches, and for the heaps above them.
#pragma once

#include "rsb/internal/blocks/deferred_frees.hpp"
#include "rsb/internal/pages/span.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"

namespace rsb {

// For addresses that are not known beforehand. A tree whose leaves are arrays of descriptors,
// indexed by page number. On hosted systems one level of large leaves of demand-zero memory is
// fastest: a lookup is one load and the descriptor. Bits of an address above `address_bits` are
// ignored; a pointer that differs in them is found out by its distance from the span.
template <Options options>
class RadixPageMap {
  static constexpr unsigned leaf_bits = options.radix_leaf_bits;
  static constexpr unsigned inner_bits = options.radix_inner_bits;
  static constexpr unsigned root_bits = options.page_number_bits() - leaf_bits - inner_bits;

  // Bytes that one leaf covers, and one of its regions.
  static constexpr uint64_t reach = uint64_t{options.page_size} << leaf_bits;
  static constexpr uint64_t region_reach = uint64_t{1} << 32;
  static constexpr size_t regions = reach > region_reach ? static_cast<size_t>(reach / region_reach)
                                                         : 1;

  struct Leaf {
    Span pages[size_t{1} << leaf_bits];
    DeferredFrees::Region deferred[regions];
  };
  struct Inner {
    void* leaves[size_t{1} << inner_bits];
  };

 public:
  // Bytes that one leaf covers.
  static constexpr size_t leaf_reach = options.page_size << leaf_bits;

  // Of the largest node that cannot be done without.
  static constexpr size_t needed_node_bytes =
      larger(sizeof(Leaf), inner_bits != 0 ? sizeof(Inner) : 0);

  constexpr RadixPageMap() noexcept = default;

  Span* find(const void* p) const noexcept {
    Span* const found = find_near(p);
    return found != nullptr ? found : find_in_tree(p);
  }

  Span* find_near(const void* p) const noexcept {
    // Nearly all of a process's memory lies below one leaf. Asking whether p does lets the
    // processor guess the answer and go on, where a load from the tree would have to wait for p.
    if (~(page_number(p) >> leaf_bits) == __atomic_load_n(&home_, __ATOMIC_ACQUIRE)) [[likely]] {
      void* const leaf = __atomic_load_n(&home_leaf_, __ATOMIC_RELAXED);
      return &static_cast<Leaf*>(leaf)->pages[page_number(p) & mask(leaf_bits)];
    }
    return nullptr;
  }

  // Whether the descriptors of [base, base + bytes), which must be covered, lie one behind the
  // other.
  static bool is_contiguous(const void* base, size_t bytes) noexcept {
    return bytes_into(base, leaf_reach) + bytes <= leaf_reach;
  }

  // Whether [base, base + bytes) cannot be mistaken for other addresses: all that is covered agrees
  // in the bits above `address_bits`, as addresses of one half do. True while nothing is.
  bool tells_apart(const void* base, size_t bytes) const noexcept {
    if constexpr (options.address_bits < sizeof(void*) * CHAR_BIT) {
      const uintptr_t home = __atomic_load_n(&home_, __ATOMIC_ACQUIRE);
      if (home == 0) return true;
      const size_t known = ~home << leaf_bits;
      const size_t first = page_number(base);
      const size_t last = page_number(address_behind(base, bytes - 1));
      return ((first ^ known) | (last ^ known)) >> options.page_number_bits() == 0;
    }
    return true;
  }

  size_t missing(const void* base, size_t bytes) const noexcept {
    const void* const hole = first_hole(base, bytes);
    if (hole == nullptr) return 0;
    return has_inner(hole) ? sizeof(Leaf) : sizeof(Inner);
  }

  bool install(const void* base, size_t bytes, void* node, size_t node_bytes) noexcept {
    const void* const hole = first_hole(base, bytes);
    if (hole == nullptr) return false;
    const bool is_leaf = has_inner(hole);
    if (node_bytes != (is_leaf ? sizeof(Leaf) : sizeof(Inner))) return false;
    if (!set_once(is_leaf ? leaf_slot(hole) : inner_slot(hole), node)) return false;
    if (is_leaf) {
      add_regions(*static_cast<Leaf*>(node), hole);
      if (set_once(&home_leaf_, node)) {
        __atomic_store_n(&home_, ~(page_number(hole) >> leaf_bits), __ATOMIC_RELEASE);
      }
    }
    return true;
  }

  DeferredFrees& deferred() noexcept { return deferred_; }
  const DeferredFrees& deferred() const noexcept { return deferred_; }

  // p must be covered.
  DeferredFrees::Region& region_of(const void* p) noexcept {
    DeferredFrees::Region* const all = leaf_of(p)->deferred;
    if constexpr (regions == 1) return all[0];
    return all[bytes_into(p, leaf_reach) / region_reach];
  }

 private:
  static constexpr size_t mask(unsigned bits) { return (size_t{1} << bits) - 1; }

  // Sets a pointer unless somebody else has.
  static bool set_once(void** pointer, void* node) noexcept {
    void* none = nullptr;
    return __atomic_compare_exchange_n(pointer, &none, node, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
  }

  void add_regions(Leaf& leaf, const void* within) noexcept {
    char* base = address_behind(within, -bytes_into(within, leaf_reach));
    for (DeferredFrees::Region& region : leaf.deferred) {
      deferred_.add(region, base);
      base = address_behind(base, static_cast<size_t>(region_reach));
    }
  }

  static size_t page_number(const void* p) noexcept {
    return address_of(p) >> options.page_shift();
  }

  static size_t root_index(const void* p) noexcept {
    return (page_number(p) >> (leaf_bits + inner_bits)) & mask(root_bits);
  }

  static size_t inner_index(const void* p) noexcept {
    return (page_number(p) >> leaf_bits) & mask(inner_bits);
  }

  [[gnu::noinline]] Span* find_in_tree(const void* p) const noexcept {
    Leaf* const leaf = leaf_of(p);
    return leaf != nullptr ? &leaf->pages[page_number(p) & mask(leaf_bits)] : nullptr;
  }

  Leaf* leaf_of(const void* p) const noexcept {
    void* node = __atomic_load_n(&root_[root_index(p)], __ATOMIC_ACQUIRE);
    if constexpr (inner_bits != 0) {
      if (node == nullptr) return nullptr;
      node = __atomic_load_n(&static_cast<Inner*>(node)->leaves[inner_index(p)], __ATOMIC_ACQUIRE);
    }
    return static_cast<Leaf*>(node);
  }

  bool has_inner(const void* p) const noexcept {
    return inner_bits == 0 || __atomic_load_n(&root_[root_index(p)], __ATOMIC_ACQUIRE) != nullptr;
  }

  void** inner_slot(const void* p) noexcept { return &root_[root_index(p)]; }

  void** leaf_slot(const void* p) noexcept {
    if constexpr (inner_bits == 0) {
      return &root_[root_index(p)];
    } else {
      void* const inner = __atomic_load_n(&root_[root_index(p)], __ATOMIC_ACQUIRE);
      return &static_cast<Inner*>(inner)->leaves[inner_index(p)];
    }
  }

  // The first address from base on that no leaf covers yet; null if there is none.
  const void* first_hole(const void* base, size_t bytes) const noexcept {
    const char* p = static_cast<const char*>(base);
    for (;;) {
      if (leaf_of(p) == nullptr) return p;
      const size_t to_next_leaf = leaf_reach - bytes_into(p, leaf_reach);
      if (bytes <= to_next_leaf) return nullptr;
      bytes -= to_next_leaf;
      p += to_next_leaf;
    }
  }

  // The first leaf ever installed, and the complement of its number: so it is no leaf's at first,
  // and a heap begins as zeroes, which take no space in the program's file.
  uintptr_t home_ = 0;
  void* home_leaf_ = nullptr;
  void* root_[size_t{1} << root_bits] = {};
  DeferredFrees deferred_;
};

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

  bool install(const void*, size_t, void*, size_t) noexcept { return false; }

  static constexpr size_t needed_node_bytes = 0;

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
    __atomic_store_n(link, window, __ATOMIC_RELEASE);
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
      __atomic_store_n(&window->pages, layout.pages, __ATOMIC_RELEASE);
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

  void remove_window(Window* window) noexcept {
    __atomic_store_n(&window->pages, size_t{0}, __ATOMIC_RELEASE);
  }

  DeferredFrees& deferred() noexcept { return deferred_; }
  const DeferredFrees& deferred() const noexcept { return deferred_; }

  // p must be covered.
  DeferredFrees::Region& region_of(const void* p) noexcept {
    Window* w = __atomic_load_n(&first_, __ATOMIC_ACQUIRE);
    while (bytes_from(w->base, p) >> options.page_shift() >= pages_of(w)) {
      w = __atomic_load_n(&w->next, __ATOMIC_ACQUIRE);
    }
    return w->deferred;
  }

 private:
  const Window* first() const noexcept { return __atomic_load_n(&first_, __ATOMIC_ACQUIRE); }
  static const Window* after(const Window* w) noexcept {
    return __atomic_load_n(&w->next, __ATOMIC_ACQUIRE);
  }
  static size_t pages_of(const Window* w) noexcept {
    return __atomic_load_n(&w->pages, __ATOMIC_RELAXED);
  }

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
