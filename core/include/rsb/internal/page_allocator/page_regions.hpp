// SPDX-License-Identifier: MIT OR Apache-2.0
// Regions of memory that are handed over by address, and taken out again; and windows over them.
//
// Room page_allocator: for PageAllocator, and for the room heap on it.
#pragma once

#include "rsb/internal/page_allocator/page_covering.hpp"

namespace rsb {

template <HeapConfig Config>
class PageRegions : protected PageCovering<Config> {
 protected:
  using Base = PageCovering<Config>;
  using Base::cover, Base::fail, Base::map, Base::refuse_overlap, Base::verify_free;
  using Base::options, Base::page;
  using Base::runs_;
  using typename Base::LockGuard;

  // The whole pages of a region that needs no room for descriptors.
  static Region whole_pages(void* base, size_t bytes) noexcept {
    char* const start = align_up(base, page);
    const size_t skipped = bytes_from(base, start);
    const size_t pages = skipped < bytes ? (bytes - skipped) / page : 0;
    return {start, smaller(pages, options.most_run_pages()) * page};
  }

  // `least`: a region of fewer pages is refused.
  [[gnu::cold]] size_t add_region([[maybe_unused]] LockGuard& guard, void* base, size_t bytes,
                                  size_t least = 1) noexcept {
    if (exceeds_addresses(base, bytes)) fail(Fault::bad_pages, base);
    leave_out_null(base, bytes);
    if (Span* const leaving = region_at(base, bytes)) {
      if (!PageRuns<options>::is_leaving(leaving)) fail(Fault::bad_pages, base);
      runs_.resume_taking(leaving);
      return runs_.length_of_all(leaving) * page;
    }
    refuse_overlap(base, bytes);
    Region region = whole_pages(base, bytes);
    if constexpr (options.map == Map::flat) {
      if (!map().covers(base, bytes)) {
        const Window* const window = map().add_region(base, bytes, least);
        if (window == nullptr) return 0;
        region = {window->base, window->pages * page};
      }
    }
    if (region.bytes < least * page) return 0;
    // A flat map needs nothing of the source. So nobody comes in between who would find no memory
    // although the source has handed out its region already.
    if constexpr (options.map == Map::radix) {
      Unlocked unlocked(guard);
      if (!cover(region.base, region.bytes)) return 0;
    }
    runs_.add(static_cast<char*>(region.base), region.bytes / page, border_given, 0);
    return region.bytes;
  }

  // The first run of the region that add_region() was given by these arguments; null if there is
  // none, or none that can be taken out.
  [[gnu::cold]] Span* region_at(void* base, size_t bytes) noexcept {
    if (exceeds_addresses(base, bytes)) return nullptr;
    leave_out_null(base, bytes);
    Region region = whole_pages(base, bytes);
    if constexpr (options.map == Map::flat) {
      if (const Window* const window = map().removable_window(base, bytes)) {
        region = {window->base, window->pages * page};
      } else if (map().lives_in(base, bytes)) {
        return nullptr;
      }
    }
    Span* const first = map().find(region.base);
    constexpr uint8_t both = border_begin | border_given;
    if (first == nullptr || (first->border & both) != both) return nullptr;
    return runs_.length_of_all(first) * page == region.bytes ? first : nullptr;
  }

  // For a region from which nothing is taken any more.
  [[gnu::cold]] size_t remove_if_free(LockGuard& guard, Span* region, [[maybe_unused]] void* base,
                                      [[maybe_unused]] size_t bytes) noexcept {
    leave_out_null(base, bytes);
    if (region->kind != Kind::free || runs_.next_run(region) != nullptr) return 0;
    char* const start = region->base;
    const size_t removed = region->pages * page;
    verify_free(region);
    runs_.remove(region);
    if constexpr (options.map == Map::flat) {
      if (Window* const window = map().removable_window(base, bytes)) {
        map().remove_window(window);
        return removed;
      }
    }
    // The descriptors stay, and are nobody's now. What is acquired there later must not find the
    // borders of runs that once were.
    Unlocked unlocked(guard);
    for (size_t i = 0; i < removed; i += page) map().find(start + i)->border = border_none;
    return removed;
  }

  // ---- Windows ----

  static constexpr size_t bytes_of_window = align_up(sizeof(Window), alignof(Span));

  // Calls f(base, pages) for each, of whole pages.
  template <class F>
  static void for_each_window(const Region* ram, size_t count, F&& f) noexcept {
    for (size_t i = 0; i < count;) {
      char* const base = static_cast<char*>(ram[i].base) - bytes_into(ram[i].base, page);
      size_t pages = 0;
      do {
        const size_t before = bytes_from(base, ram[i].base);
        if (ram[i].bytes != 0) pages = larger(pages, (before + ram[i].bytes - 1) / page + 1);
        i++;
      } while (i < count && bytes_from(base, ram[i].base) <= pages * page);
      if (pages != 0) f(base, pages);
    }
  }
};

}  // namespace rsb
