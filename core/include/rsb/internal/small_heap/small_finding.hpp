// SPDX-License-Identifier: MIT OR Apache-2.0
// How a small heap finds the block at an address, and what it refuses: by which name.
//
// Room small_heap: for SmallHeap alone.
#pragma once

#include "rsb/internal/small_heap/small_state.hpp"

namespace rsb {

template <SmallHeapConfig Config>
class SmallFinding : protected SmallState<Config> {
 protected:
  using Base = SmallState<Config>;
  using Base::block_bytes, Base::fail, Base::limit;
  using Base::block_overhead, Base::checked, Base::granule, Base::least_block;
  using Base::lock_, Base::regions_, Base::top_, Base::top_bytes_;
  using typename Base::Marks;

  // The live block at p, and its region (words do not need it); faults if there is none.
  [[gnu::always_inline]] const SmallRegion& find(void* p, SmallLive& live) noexcept {
    const SmallRegion& region = *region_of(p);
    find_in(region, p, live);
    return region;
  }
  [[gnu::always_inline]] void find_in(const SmallRegion& region, void* p,
                                      SmallLive& live) noexcept {
    if (!Marks::find_live(region, p, live)) [[unlikely]]
      refuse(p);
  }

  // Of what is to be a block. Null: it is null. Faults if no region has one there.
  [[gnu::always_inline]] const SmallRegion* region_of(const void* p) noexcept {
    const SmallRegion& first = regions_.first();
    if constexpr (!checked && !Marks::has_table) return &first;
    if (checked ? SmallRegions<Marks>::may_begin_in(first, p)
                : bytes_from(first.first, p) < first.bytes) [[likely]]
      return &first;
    return later_region_of(p);
  }
  [[gnu::noinline]] const SmallRegion* later_region_of(const void* p) noexcept {
    const SmallRegion* const region = is_aligned(p, granule) ? regions_.later_with(p) : nullptr;
    if (checked && region == nullptr && p != nullptr) refuse(p);
    return region;
  }

  // The used block that holds this address; null: it is free.
  char* piece_with(const SmallRegion& region, const void* p) noexcept {
    char* at = region.first;
    for (;;) {
      if (at == top_) return nullptr;
      const size_t bytes = Marks::bytes_at(region, at);
      if (bytes_from(at, p) < bytes) return Marks::is_free(region, at) ? nullptr : at;
      if (bytes == 0 || bytes >= bytes_from(at, region.first + region.bytes)) return nullptr;
      at += bytes;
    }
  }

  // Calls visit(char* block, size_t usable_bytes) for each live block of all regions.
  template <class Visit>
  void for_each_live(Visit visit) noexcept {
    for (SmallRegion* r = &regions_.first(); r != nullptr; r = r->next) {
      char* const end = r->first + r->bytes;
      for (char* at = r->first; at != end;) {
        const size_t bytes = at == top_ ? top_bytes_ : Marks::bytes_at(*r, at);
        const bool is_live = at != top_ && !Marks::is_free(*r, at) && !is_hidden(*r, at);
        if (is_live) visit(at, bytes - block_overhead);
        at += bytes;
      }
    }
  }

  // Tables that moved lie in blocks that the heap keeps to itself. They cover so many granules
  // that they are long ones, for which there is a look at who asks: is_hidden().
  static constexpr size_t least_of_moved_table = 64 * granule * granule * __CHAR_BIT__;

  bool is_hidden(const SmallRegion& region, const void* block) const noexcept {
    return block == region.table;
  }

  // ---- Faults ----

  // Of an address where no live block begins.
  Fault fault_of(const SmallRegion& region, const void* p) const noexcept {
    if (!is_aligned(p, granule)) return Fault::misaligned_pointer;
    const char* const at = static_cast<const char*>(p);
    const bool is_in_top = bytes_from(top_, at) < top_bytes_;
    return is_in_top || Marks::is_in_free(region, at, top_) ? Fault::double_free
                                                            : Fault::interior_pointer;
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse(const void* p) noexcept {
    const SmallRegion* const region = regions_.with(p);
    fail(region == nullptr ? Fault::foreign_pointer : fault_of(*region, p), p);
  }

  [[gnu::noinline]] void refuse_other_size(void* p, size_t size) noexcept {
    Guard guard(lock_);
    SmallLive live;
    find(p, live);
    if (size < limit()) {
      const size_t least = block_bytes(size);
      if (live.bytes >= least && live.bytes - least < least_block) return;
    }
    fail(Fault::size_mismatch, p);
  }
};

}  // namespace rsb
