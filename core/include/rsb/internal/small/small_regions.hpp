// SPDX-License-Identifier: MIT OR Apache-2.0
// The regions of a small heap: where in their memory things lie, and which one an address is in.
//
// In the first region lie, one behind the other, what the heap wants (its lists), the table, and
// the blocks; in later ones what describes the region, the table, and the blocks. A region that
// outgrows its table gets a larger one, which is a block of its own.
//
// Room small: for the room small_heap, SmallHeap's.
#pragma once

#include "rsb/internal/small/small_block.hpp"
#include "rsb/page_source.hpp"

namespace rsb {

template <class Marks>
class SmallRegions {
 public:
  // How many bytes a later region has to have, at most: in the worst place.
  static constexpr size_t least_region = sizeof(SmallRegion) + alignof(SmallRegion) +
                                         Marks::table_bytes(Marks::least) + Marks::overhead +
                                         small_granule + Marks::least;

  SmallRegion& first() noexcept { return first_; }
  const SmallRegion& first() const noexcept { return first_; }

  // Null: p is in no region. Linear in the number of regions, the first one first.
  [[gnu::always_inline]] SmallRegion* with(const void* p) noexcept {
    if (bytes_from(first_.first, p) < first_.bytes) [[likely]]
      return &first_;
    return later_with(p);
  }

  // Whether p is among the blocks and aligned as they are.
  [[gnu::always_inline]] static bool may_begin_in(const SmallRegion& region,
                                                  const void* p) noexcept {
    // At the top, low bits make it more than any region has.
    constexpr unsigned other_bits = sizeof(uintptr_t) * __CHAR_BIT__ - small_granule_bits;
    const auto low_bits = integer_cast<size_t>(address_of(p) << other_bits);
    return (bytes_from(region.first, p) | low_bits) < region.bytes;
  }

  // Of those but the first.
  [[gnu::noinline]] SmallRegion* later_with(const void* p) noexcept {
    for (SmallRegion* r = first_.next; r != nullptr; r = r->next) {
      if (bytes_from(r->first, p) < r->bytes) return r;
    }
    return nullptr;
  }

  // Of a block.
  [[gnu::always_inline]] SmallRegion* of(const void* block) noexcept {
    return first_.next == nullptr ? &first_ : with(block);
  }

  // As it was given; null: there is none.
  SmallRegion* at(void* base) noexcept {
    size_t any = 1;
    leave_out_null(base, any);
    for (SmallRegion* r = &first_; r != nullptr; r = r->next) {
      if (r->first != nullptr && r->base == base) return r;
    }
    return nullptr;
  }

  // Where there is what `at()` found.
  void take_out(const SmallRegion& region) noexcept {
    SmallRegion* before = &first_;
    while (before->next != &region) before = before->next;
    before->next = region.next;
  }

  // Where in its memory the heap's lists begin, or what describes a later region.
  static char* begin_of(void* base) noexcept { return align_up(base, alignof(SmallRegion)); }

  // A region in memory that is given: the first one, behind `lists_bytes` for the heap, or a later
  // one. `most_bytes`: how much memory it will ever have, at most; `most_of_blocks`: of how much
  // there may be blocks. Null: there is too little memory, and nothing has changed. The marks are
  // not set yet.
  SmallRegion* begin(const Region& given, size_t lists_bytes, size_t most_bytes,
                     size_t most_of_blocks) noexcept {
    char* const begin = begin_of(given.base);
    const bool is_first = lists_bytes != 0;
    char* const table = begin + (is_first ? lists_bytes : sizeof(SmallRegion));
    const size_t for_bytes = smaller(larger(given.bytes, most_bytes), most_of_blocks);
    char* const first =
        align_up(table + Marks::table_bytes(for_bytes) + Marks::overhead, small_granule);
    const size_t skipped = bytes_from(given.base, first);
    if (given.bytes < skipped + Marks::least) return nullptr;
    const size_t bytes = bytes_of_blocks(first, given.bytes - skipped);
    if (bytes < Marks::least) return nullptr;
    SmallRegion* region = &first_;
    if (!is_first) {
      region = reinterpret_cast<SmallRegion*>(begin);
      region->next = first_.next;
      first_.next = region;
    }
    region->first = first;
    region->bytes = smaller(bytes, most_of_blocks & ~(small_granule - 1));
    region->base = static_cast<char*>(given.base);
    region->given_bytes = given.bytes;
    region->is_of_source = false;
    region->table = nullptr;
    if constexpr (Marks::has_table) {
      region->table = table;
      region->table_bytes = for_bytes;
      region->origin = Marks::origin(table, first);
      clear_table(*region);
    }
    return region;
  }

  // ---- Tables ----

  // The block that the region's table is; null: it lies before the blocks, or there is none.
  static char* table_block(const SmallRegion& region) noexcept {
    if (region.table == nullptr) return nullptr;
    char* const begin = static_cast<char*>(region.table);
    return bytes_from(region.first, begin) < region.bytes ? begin : nullptr;
  }

  // The table from here on, where nothing is yet, large enough for so many bytes of blocks.
  static void move_table(SmallRegion& region, char* to, size_t bytes) noexcept
      requires(Marks::has_table) {
    const size_t old = Marks::table_bytes(region.table_bytes);
    __builtin_memcpy(to, region.table, old);
    __builtin_memset(to + old, 0, Marks::table_bytes(bytes) - old);
    region.table = to;
    region.table_bytes = bytes;
    store_release(&region.origin, Marks::origin(to, region.first));
  }

  static void clear_table(const SmallRegion& region) noexcept {
    if constexpr (Marks::has_table) {
      __builtin_memset(region.table, 0, Marks::table_bytes(region.table_bytes));
    }
  }

  // How many bytes of blocks the region would have with so much memory.
  static size_t bytes_with(const SmallRegion& region, size_t given_bytes) noexcept {
    return bytes_of_blocks(region.first, given_bytes - bytes_from(region.base, region.first));
  }

 private:
  // Of what there is from the first block on. What a table says of two granules behind the blocks
  // is found by their addresses, so those exist.
  static size_t bytes_of_blocks(const char* first, size_t bytes) noexcept {
    if constexpr (Marks::has_table) {
      const uintptr_t last = UINTPTR_MAX - address_of(first);
      if (last - (bytes - 1) < 2 * small_granule) {
        bytes = integer_cast<size_t>(last - (2 * small_granule - 1));
      }
    }
    return bytes & ~(small_granule - 1);
  }

  SmallRegion first_;
};

}  // namespace rsb
