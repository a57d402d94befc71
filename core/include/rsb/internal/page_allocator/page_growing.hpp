// SPDX-License-Identifier: MIT OR Apache-2.0
// A page allocator that has no run for a request gets one from the page source, and more ahead.
//
// Room page_allocator: for PageAllocator, and for the room heap on it.
#pragma once

#include "rsb/internal/page_allocator/page_regions.hpp"

namespace rsb {

template <HeapConfig Config>
class PageGrowing : protected PageRegions<Config> {
 protected:
  using Base = PageRegions<Config>;
  using Base::acquisitions_, Base::halvings_, Base::metadata_bytes_, Base::orphans_, Base::runs_,
      Base::source_, Base::texture_;
  using Base::add_region, Base::cover, Base::keep_orphan, Base::refuse_overlap,
      Base::release_or_keep;
  using Base::most_acquired, Base::options, Base::page;
  using typename Base::LockGuard, typename Base::Orphan, typename Base::Pages,
      typename Base::Texture;

  Span* grow_and_take(LockGuard& guard, size_t pages, size_t alignment,
                      [[maybe_unused]] Texture texture) noexcept {
    if constexpr (SparseSource<Pages>) store_relaxed(&texture_, texture);
    return grow_and_take(guard, pages, alignment);
  }

  [[gnu::noinline]] Span* grow_and_take(LockGuard& guard, size_t pages, size_t alignment) noexcept {
    if (pages > smaller(options.most_run_pages(), max_object_bytes / page)) return nullptr;
    const size_t need = pages * page;
    if constexpr (RegionSource<Pages>) {
      if (Span* const run = take_from_region(guard, pages, alignment)) return run;
    }
    if constexpr (most_acquired == 0) return nullptr;  // the lock has not been given up
    Span* run = acquire_ahead_and_take(guard, need, alignment, pages);
    if (run == nullptr) run = acquire_and_take(guard, need, alignment, pages);
    // Nothing to be had: but another thread may have freed something meanwhile.
    if (run == nullptr) return runs_.take(pages, alignment);
    if (halvings_ != 0) halvings_--;
    return run;
  }

  // More than is needed now. What the source refuses is halved, for the requests to come as well,
  // and doubled when it has given something.
  Span* acquire_ahead_and_take(LockGuard& guard, size_t need, size_t alignment,
                               size_t pages) noexcept {
    if (alignment > options.acquire_alignment) return nullptr;
    for (;;) {
      const uint8_t halvings = halvings_;
      size_t bytes = options.acquire_size;
      size_t aligned = options.acquire_alignment;
      if (halvings != 0) [[unlikely]] {
        bytes = (bytes >> halvings) & ~(page - 1);
        aligned = larger(alignment, smaller(aligned, size_t{1} << floor_log2(bytes)));
      }
      if (need > bytes / 2) return nullptr;
      if (Span* const run = acquire_and_take(guard, bytes, aligned, pages)) return run;
      if (halvings_ == halvings) halvings_++;  // once for all threads that were refused the same
    }
  }

  // Takes the first pages of `bytes` bytes that it gets from the page source.
  [[gnu::noinline]] Span* acquire_and_take(LockGuard& guard, size_t bytes, size_t alignment,
                                           size_t pages) noexcept {
    if (orphans_ != nullptr) [[unlikely]] {
      if (Span* const run = adopt_and_take(guard, bytes, alignment, pages)) return run;
    }
    void* base;
    bool covered = false;
    const Share share = share_of(bytes);
    {
      Unlocked unlocked(guard);
      if constexpr (SourceKnowsPage<Pages>) {
        if (!source_.accepts_page(page)) raise(Fault::page_size_too_small, nullptr);
      }
      base = acquire_from_source(bytes, alignment, pages, share);
      if (!is_aligned(base, alignment)) raise(Fault::bad_pages, base);
      if (base != nullptr) covered = cover(base, bytes);
    }
    if (base == nullptr) return nullptr;
    if constexpr (!TrustedSource<Pages>) refuse_overlap(base, bytes);
    acquisitions_++;
    if (!covered) {
      release_or_keep(guard, base, bytes);
      return nullptr;
    }
    const size_t dirty = ZeroingSource<Pages> ? 0 : bytes / page;
    return runs_.add_and_take(static_cast<char*>(base), bytes / page, dirty, pages);
  }

  // The first orphan, if it is large enough and memory for the map is to be had now.
  [[gnu::noinline, gnu::cold]] Span* adopt_and_take(LockGuard& guard, size_t bytes,
                                                    size_t alignment, size_t pages) noexcept {
    Orphan* const orphan = orphans_;
    if (orphan->bytes < bytes || !is_aligned(orphan, alignment)) return nullptr;
    orphans_ = orphan->next;
    bytes = orphan->bytes;
    metadata_bytes_ -= bytes;
    bool covered;
    {
      Unlocked unlocked(guard);
      covered = cover(orphan, bytes);
    }
    if (!covered) {
      keep_orphan(orphan, bytes);
      return nullptr;
    }
    char* const base = reinterpret_cast<char*>(orphan);
    return runs_.add_and_take(base, bytes / page, bytes / page, pages);
  }

  Span* take_from_region(LockGuard& guard, size_t pages,
                         size_t alignment) noexcept requires RegionSource<Pages> {
    for (Region r = source_.next_region(); !r.is_none(); r = source_.next_region()) {
      if (add_region(guard, r.base, r.bytes) == 0) continue;
      if (Span* const run = runs_.take(pages, alignment)) return run;
    }
    return nullptr;
  }

  // ---- Asking the source ----

  // Where memory costs although it is not touched, what is acquired ahead is no more than a small
  // part of what there is, unless there is more to spare.
  enum class Share : uint8_t { modest, great };

  // Under the lock.
  Share share_of(size_t bytes) const noexcept {
    constexpr size_t least = 256 * KiB;
    constexpr size_t least_share = 32;
    const size_t most = larger(least, runs_.acquired_pages() * page / least_share);
    return bytes <= most ? Share::modest : Share::great;
  }

  // Null: the source has none, or none to spare.
  void* acquire_from_source(size_t bytes, size_t alignment, size_t pages,
                            [[maybe_unused]] Share share) noexcept {
    const bool is_ahead = bytes > pages * page;
    if constexpr (SparingSource<Pages>) {
      if (is_ahead && share == Share::great && !source_.has_to_spare(bytes)) return nullptr;
    }
    if constexpr (SparseSource<Pages>) {
      // Should another thread have asked meanwhile, for something else, then so be it.
      if (is_ahead && load_relaxed(&texture_) == Texture::sparse) {
        return source_.acquire_sparse(bytes, alignment);
      }
    }
    return source_.acquire(bytes, alignment);
  }
};

}  // namespace rsb
