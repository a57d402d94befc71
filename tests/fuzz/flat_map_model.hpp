// SPDX-License-Identifier: MIT OR Apache-2.0
// A page map that is flat, beside a model that knows its windows in the order in which they came.
// Who includes this defines HOLDS before.
#pragma once

#include <memory>
#include <vector>

#include "fuzz/map_request.hpp"
#include "rsb/internal/pages/page_map.hpp"
#include "support/bytes.hpp"

namespace fuzz {

template <rsb::Options options>
class FlatMapModel {
  using Map = rsb::FlatPageMap<options>;
  using Ask = MapRequest::Ask;
  using Span = rsb::Span;
  using Window = rsb::Window;

  static constexpr size_t page = options.page_size;

 public:
  void apply(const MapRequest& r) {
    switch (r.ask) {
      case Ask::add_window:
        add_window(address_of(r), (1 + r.which) << r.size % 16);
        break;
      case Ask::add_region:
        add_region(region_base(r), region_bytes(r), r.which % 8 == 0 ? 1 + r.size % 16 : 1);
        break;
      case Ask::remove_region:
        remove_region(region_base(r), region_bytes(r));
        break;
      case Ask::look:
        compare(address_of(r));
        compare_range(address_of(r), r.which * page / 4);
        compare_range(address_of(r), UINTPTR_MAX - address_of(r));
        break;
      default:
        break;
    }
  }

  void finish() {
    for (const Known& known : windows_) compare_window(known);
    for (const uintptr_t p : {uintptr_t{0}, UINTPTR_MAX, UINTPTR_MAX / 2 + 1}) compare(p);
  }

 private:
  static constexpr size_t memory_bytes = 32 * rsb::KiB;
  static constexpr size_t most_windows = 12;

  struct Known {
    Window* window;
    uintptr_t base;
    size_t pages;  // 0: the region was taken out
    uintptr_t descriptors;
    bool is_removable;
    uintptr_t memory = 0;  // of a region, as it was added last
    size_t bytes = 0;

    bool covers(uintptr_t p) const { return (p - base) / page < pages; }
    Span* find(uintptr_t p) const {
      return reinterpret_cast<Span*>(descriptors + (p - base) / page * sizeof(Span));
    }
  };
  struct Layout {
    uintptr_t descriptors;
    uintptr_t base;
    size_t pages;
  };

  static void* pointer(uintptr_t p) { return reinterpret_cast<void*>(p); }
  static uintptr_t number(const void* p) { return reinterpret_cast<uintptr_t>(p); }
  static uintptr_t round_up(uintptr_t p, size_t multiple) {
    return (p + multiple - 1) / multiple * multiple;
  }
  static bool overlap(uintptr_t a, size_t a_bytes, uintptr_t b, size_t b_bytes) {
    return a - b < b_bytes || b - a < a_bytes;
  }

  // In the memory for regions or near it, or near an end of all addresses.
  uintptr_t address_of(const MapRequest& r) const {
    const uintptr_t anchors[] = {number(memory_), number(memory_) + memory_bytes, 0,
                                 UINTPTR_MAX / 2 + 1,
                                 windows_.empty() ? 0 : windows_[r.size % windows_.size()].base};
    const size_t distance = r.size * (r.which % 4 == 0 ? page : 64);
    const uintptr_t anchor = anchors[r.place % 5];
    return r.place < 8 ? anchor + distance : anchor - distance - 1;
  }

  // The same memory comes often, and sometimes a little less of it.
  uintptr_t region_base(const MapRequest& r) const {
    return number(memory_) + r.place % 8 * (memory_bytes / 8) +
           (r.which % 4 == 0 ? r.size % 200 : 0);
  }
  size_t region_bytes(const MapRequest& r) const {
    const size_t most = memory_bytes / 8 * (1 + r.place / 8);
    const size_t bytes = r.which % 3 == 0 ? most - rsb::smaller(r.size, most) : most;
    return rsb::smaller(bytes, number(memory_) + memory_bytes - region_base(r));
  }

  // ---- The model's answers ----

  const Known* around(uintptr_t p) const {
    for (const Known& known : windows_) {
      if (known.covers(p)) return &known;
    }
    return nullptr;
  }

  bool covers(uintptr_t base, size_t bytes) const {
    for (const Known& known : windows_) {
      // Window and range may begin and end anywhere, also with the last address.
      const uintptr_t last = base + (bytes > 1 ? bytes - 1 : 0);
      if (known.covers(base) && known.covers(last) && last - known.base >= base - known.base)
        return true;
    }
    return false;
  }

  bool lives_in(uintptr_t base, size_t bytes) const {
    for (const Known& known : windows_) {
      if (overlap(number(known.window), sizeof(Window), base, bytes)) return true;
      if (known.pages == 0) continue;
      if (overlap(known.descriptors, known.pages * sizeof(Span), base, bytes)) return true;
    }
    return false;
  }

  bool touches_window(uintptr_t base, size_t bytes) const {
    for (const Known& known : windows_) {
      if (known.pages != 0 && overlap(known.base, known.pages * page, base, bytes)) return true;
    }
    return false;
  }

  // Descriptors at the front, and behind them as many pages as fit.
  static Layout layout_of(uintptr_t base, size_t bytes) {
    Layout layout{round_up(base, alignof(Span)), 0, 0};
    for (size_t pages = 0;; pages++) {
      const uintptr_t first = round_up(layout.descriptors + pages * sizeof(Span), page);
      if (first + pages * page > base + bytes) return layout;
      layout.base = first;
      layout.pages = pages;
    }
  }

  bool is_in_map(const Window* window) const {
    return rsb::bytes_from(&map_, window) < sizeof map_;
  }

  // ---- Windows ----

  // Its descriptors are nowhere: a map never touches them.
  void add_window(uintptr_t base, size_t pages) {
    base -= base % page;
    if (base + pages * page - 1 < base) base = 0 - pages * page;  // up to the last address
    if (windows_.size() == most_windows) return;
    for (const Known& known : windows_) {  // but it may cover regions
      const bool is_region =
          number(known.window) - number(own_.data()) >= sizeof own_[0] * own_.size();
      if (!is_region && overlap(known.base, known.pages * page, base, pages * page)) return;
    }
    if (lives_in(base, pages * page)) return;
    const uintptr_t descriptors = uintptr_t{1 + windows_.size()} << 32;
    own_[windows_.size()] = {static_cast<char*>(pointer(base)), pages,
                             static_cast<Span*>(pointer(descriptors))};
    Window* const window = &own_[windows_.size()];
    map_.add_window(window);
    windows_.push_back({window, base, pages, descriptors, false});
    compare_window(windows_.back());
  }

  void add_region(uintptr_t base, size_t bytes, size_t least) {
    HOLDS(map_.lives_in(pointer(base), bytes) == lives_in(base, bytes));
    if (lives_in(base, bytes) || windows_.size() == most_windows) return;
    __builtin_memset(pointer(base), 0xaa, bytes);
    const Window* const added = map_.add_region(pointer(base), bytes, least);
    Layout layout = layout_of(base, bytes);
    Known* former = nullptr;
    size_t places = 0;
    for (Known& known : windows_) {
      places += known.is_removable;
      if (known.is_removable && known.descriptors == layout.descriptors &&
          known.base == layout.base)
        former = &known;
    }
    if (former != nullptr && former->pages != 0) former = nullptr;
    const bool is_removable = former != nullptr || places < options.removable_regions;
    if (!is_removable) {
      const uintptr_t behind = round_up(base, alignof(Span)) + sizeof(Window);
      layout = behind - base < bytes ? layout_of(behind, bytes - (behind - base)) : Layout{};
    }
    const bool will_do = layout.pages >= least && !touches_window(base, bytes);
    HOLDS((added != nullptr) == will_do);
    if (added == nullptr) return;
    HOLDS(is_in_map(added) == is_removable);
    HOLDS(number(added->base) == layout.base);
    HOLDS(added->pages == layout.pages);
    HOLDS(number(added->descriptors) == layout.descriptors);
    HOLDS(support::holds_only(added->descriptors, added->pages * sizeof(Span), 0));
    if (former != nullptr) {
      HOLDS(former->window == added);
      former->pages = layout.pages;
    } else {
      windows_.push_back({const_cast<Window*>(added), layout.base, layout.pages, layout.descriptors,
                          is_removable});
      former = &windows_.back();
    }
    former->memory = base;
    former->bytes = bytes;
    compare_window(*former);
  }

  void remove_region(uintptr_t base, size_t bytes) {
    const Layout layout = layout_of(base, bytes);
    Known* expected = nullptr;
    for (Known& known : windows_) {
      if (!known.is_removable || known.pages == 0 || known.pages != layout.pages) continue;
      if (known.base == layout.base && known.descriptors == layout.descriptors) expected = &known;
    }
    Window* const found = map_.removable_window(pointer(base), bytes);
    HOLDS(found == (expected == nullptr ? nullptr : expected->window));
    if (found == nullptr) return;
    const Known removed = *expected;
    map_.remove_window(found);
    expected->pages = 0;
    compare_window(removed);
    // It is ours again: what was added, whose ends need not be those that were named now.
    __builtin_memset(pointer(removed.memory), 0x55, removed.bytes);
  }

  // ---- Comparing ----

  void compare(uintptr_t p) {
    const Known* const known = around(p);
    Span* const expected = known == nullptr ? nullptr : known->find(p);
    HOLDS(map_.find(pointer(p)) == expected);
    HOLDS(map_.find_near(pointer(p)) == expected);
    if (known != nullptr) HOLDS(&map_.region_of(pointer(p)) == &known->window->deferred);
  }

  void compare_range(uintptr_t base, size_t bytes) const {
    const bool is_covered = covers(base, bytes);
    HOLDS(map_.covers(pointer(base), bytes) == is_covered);
    HOLDS(map_.missing(pointer(base), bytes) == (is_covered ? 0 : Map::no_node));
    HOLDS(map_.lives_in(pointer(base), bytes) == lives_in(base, bytes));
  }

  void compare_window(const Known& known) {
    const size_t bytes = known.pages * page;
    const uintptr_t offsets[] = {0, 1, page - 1, page, bytes / 2, bytes - page, bytes - 1, bytes};
    for (const uintptr_t offset : offsets) compare(known.base + offset);
    compare(known.base - 1);
    compare(~known.base);
    compare_range(known.base, bytes);
    compare_range(known.base, bytes + 1);
    compare_range(known.base - 1, 2);
    compare_range(known.base + bytes / 2, bytes);
    compare_range(known.base + bytes / 2, bytes - bytes / 2);
  }

  alignas(4096) static inline char memory_[memory_bytes];  // for regions

  Map map_;
  std::vector<Known> windows_;
  std::vector<Window> own_ = std::vector<Window>(most_windows);
};

}  // namespace fuzz
