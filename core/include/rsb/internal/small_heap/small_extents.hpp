// SPDX-License-Identifier: MIT OR Apache-2.0
// How far the regions of a small heap reach: they are begun, extended, cut, and begun again.
//
// Room small_heap: for SmallHeap alone.
#pragma once

#include "rsb/internal/small_heap/small_deferral.hpp"

namespace rsb {

template <SmallHeapConfig Config>
class SmallExtents : protected SmallDeferral<Config> {
 protected:
  using Base = SmallDeferral<Config>;
  using Base::block_at, Base::block_bytes, Base::fail, Base::has_region, Base::limit,
      Base::live_bytes, Base::move_top, Base::release_block, Base::remove, Base::shorten,
      Base::take_from_top;
  using Base::deferred_, Base::lists_, Base::range_, Base::regions_, Base::statistics_, Base::top_,
      Base::top_bytes_;
  using Base::defers, Base::granule, Base::least_block, Base::least_of_any_first,
      Base::least_of_moved_table, Base::least_rounded, Base::options;
  using typename Base::Block, typename Base::Lists, typename Base::Marks;

  size_t begin_region(void* base, size_t bytes, size_t most) noexcept {
    if (exceeds_addresses(base, bytes)) fail(Fault::bad_pages, base);
    leave_out_null(base, bytes);
    const bool is_first = !has_region();
    if (is_first && bytes < least_of_any_first) return 0;
    if constexpr (defers) {
      if (!is_first && !is_within_reach(base, bytes)) return 0;
    }
    const size_t largest = smaller(larger(bytes, options.largest_region), small_most);
    const unsigned heads = is_first ? Lists::heads_for(largest) : 0;
    const SmallRegion* const region = regions_.begin({base, bytes}, heads * sizeof(Block*), most,
                                                     is_first ? small_most : most_of_later());
    if (region == nullptr) return 0;
    if (is_first) {
      range_ = largest - least_block - least_rounded;
      lists_.begin(reinterpret_cast<Block**>(regions_.begin_of(base)), heads);
      if constexpr (defers) begin_deferred(region->first);
    }
    begin_blocks(*region);
    return region->bytes;
  }

  // As much before the first region as behind it, if there is as much.
  void begin_deferred(const char* first) noexcept {
    constexpr size_t reach = DeferredFrees::Region::reach;
    constexpr size_t half = reach != SIZE_MAX ? reach / 2 & ~size_t{15} : reach;
    const uintptr_t at = address_of(first);
    const uintptr_t from = at > half ? at - half : 0;
    deferred_.frees.add(deferred_.region, reinterpret_cast<char*>(from));
  }

  bool is_within_reach(void* base, size_t bytes) noexcept {
    return DeferredFrees::reaches(deferred_.region, base) &&
           DeferredFrees::reaches(deferred_.region, address_behind(base, bytes - 1));
  }

  // Bytes of blocks that a region may have.
  size_t most_of_later() const noexcept { return limit() & ~(granule - 1); }
  size_t most_of(const SmallRegion& region) const noexcept {
    return &region == &regions_.first() ? (limit() + least_block) & ~(granule - 1)
                                        : most_of_later();
  }

  // One free block, or the top, is all that the region has. Its table is zero.
  void begin_blocks(const SmallRegion& region) noexcept {
    statistics_.add(region.bytes);
    if (&region == &regions_.first()) {
      Marks::begin_with_top(region);
      move_top(region.first, region.bytes);
    } else {
      Marks::begin_with_block(region);
      lists_.add(block_at(region.first), region.bytes);
    }
  }

  // As begin_blocks(), but for a table among the blocks.
  void begin_again(const SmallRegion& region) noexcept {
    char* const hidden = regions_.table_block(region);
    const size_t hidden_bytes = hidden == nullptr ? 0 : live_bytes(region, hidden);
    regions_.clear_table(region);
    if (hidden == nullptr) return begin_blocks(region);
    // All that is before it, and it. Never free, or its last bytes would hold a block's size.
    const size_t before = bytes_from(region.first, hidden);
    char* const p = region.first;
    if (&region == &regions_.first()) {
      begin_blocks(region);
      take_from_top(before + hidden_bytes);
    } else {
      Marks::begin_with_block(region);
      Marks::begin_taking(region, p);
      Marks::take_to_end(region, p + region.bytes);
      Marks::end_taking(region, p, region.bytes);
      shorten(region, p, region.bytes, before + hidden_bytes);
    }
    if (before == 0) return;
    Marks::split(region, p, before + hidden_bytes, before);
    release_block(region, p, {before, 0});
  }

  // ---- Longer and shorter ----

  [[gnu::noinline]] size_t extend(SmallRegion& region, size_t more) noexcept {
    if (more > UINTPTR_MAX - address_of(region.base) - (region.given_bytes - 1)) {
      fail(Fault::bad_pages, region.base);
    }
    const size_t old_bytes = region.bytes;
    const size_t bytes = regions_.bytes_with(region, region.given_bytes + more);
    if (bytes > most_of(region)) return 0;
    if constexpr (defers) {
      if (!is_within_reach(region.base, region.given_bytes + more)) return 0;
    }
    const bool has_top = &region == &regions_.first();
    size_t at_end = bytes - old_bytes;
    if (has_top) at_end += top_bytes_;
    char* const end = has_top ? top_ : region.first + old_bytes;
    size_t table = 0;
    char* const old_table = regions_.table_block(region);
    if (has_top ? bytes == old_bytes : at_end < least_block) return 0;
    if constexpr (Marks::has_table) {
      if (bytes > region.table_bytes) {
        const size_t twice = smaller(larger(bytes, 2 * region.table_bytes), most_of(region));
        const size_t for_bytes = larger(twice, least_of_moved_table);
        table = block_bytes(Marks::table_bytes(for_bytes));
        if (at_end < table) return 0;
        if (at_end - table < least_block && !has_top) table = at_end;
        regions_.move_table(region, end, for_bytes);
      }
    }
    region.bytes = bytes;
    region.given_bytes += more;
    statistics_.add(bytes - old_bytes);
    if (has_top) {
      top_bytes_ = at_end;
      if (table != 0) take_from_top(table);
    } else {
      const size_t before =
          Marks::ends_free(region, old_bytes) ? Marks::bytes_before(region.first + old_bytes) : 0;
      Marks::append_block(region, old_bytes);
      statistics_.take(bytes - old_bytes);
      if (table == 0) {
        release_block(region, end, {at_end, before});
      } else {
        shorten(region, end, at_end, table);
      }
    }
    if (old_table != nullptr && table != 0) {
      SmallLive live{};
      Marks::find_live(region, old_table, live);
      release_block(region, old_table, live);
    }
    return bytes - old_bytes;
  }

  // Gives what is free at the region's end, but for `keep` bytes, to give(end, bytes), which says
  // whether it took it. Returns how many bytes it was.
  template <class Give>
  size_t cut_end(SmallRegion& region, size_t keep, Give&& give) noexcept {
    if (region.first == nullptr) return 0;
    const bool has_top = &region == &regions_.first();
    char* const end = region.first + region.bytes;
    size_t free = top_bytes_;
    if (!has_top) free = Marks::ends_free(region, region.bytes) ? Marks::bytes_before(end) : 0;
    // A later region keeps a block, if only one; and what remains of a block is one.
    if (!has_top && free == region.bytes) keep = larger(keep, least_block);
    if (!has_top && keep != 0) keep = larger(keep, least_block);
    keep = align_up(smaller(keep, free), granule);
    if (keep >= free) return 0;
    char* const new_end = end - (free - keep);
    char* const given_end = address_behind(region.base, region.given_bytes);
    // The word that ends the region lies before what is given back.
    const size_t given = bytes_from(new_end, given_end);
    if (!has_top) remove(block_at(end - free));  // it may lie in what is given
    if (!give(new_end, given)) {
      if (!has_top) lists_.add(block_at(end - free), free);
      return 0;
    }
    const size_t old_bytes = region.bytes;
    region.bytes -= free - keep;
    region.given_bytes -= given;
    statistics_.take(free - keep);
    if (has_top) {
      top_bytes_ = keep;
    } else {
      Marks::cut_end(region, old_bytes, end - free);
      if (keep != 0) lists_.add(block_at(end - free), keep);
    }
    return given;
  }

  bool is_free_whole(const SmallRegion& region, char* p, size_t bytes) const noexcept {
    return bytes == 0 || (Marks::is_free(region, p) && Marks::free_bytes(block_at(p)) == bytes);
  }
};

}  // namespace rsb
