// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs of pages that threads' caches keep, for blocks of whole pages.
//
// Room cached_heap: for CachedHeap alone.
#pragma once

#include "rsb/internal/cached_heap/cached_spans.hpp"

namespace rsb {

template <HeapConfig Config>
class CachedPages : protected CachedSpans<Config> {
 protected:
  using Base = CachedSpans<Config>;
  using Base::by_all_means, Base::has_cache, Base::keep_runs, Base::note_room;
  using Base::checked, Base::keeps_runs, Base::page;
  using Base::pages_, Base::seats_, Base::set_;
  using typename Base::Pages, typename Base::TheCache, typename Base::Visit;

  // While one thread alone has a cache, nobody waits for the lock, and runs that lie side by side
  // are worth more in the heap.
  bool may_keep_runs() noexcept { return keeps_runs && has_cache() && set_.has_many_owners(); }

  // Of a block that is one; or null.
  Span* live_run(const void* block) noexcept {
    Span* const run = pages_.map().find(block);
    return run != nullptr && Base::is_live_large(run, block) ? run : nullptr;
  }

  // ---- Allocating ----

  [[gnu::noinline]] void* allocate_pages(size_t size, size_t alignment, Fill fill) noexcept {
    if (size > max_object_bytes) return Base::allocate_large(size, alignment, fill);
    if (void* const block = allocate_run(size, alignment, fill)) return block;
    return by_all_means(size,
                        [&] { return Base::allocate_large(size, alignment, fill, Insist::no); });
  }

  // Null: not to be had so, or not at once.
  void* allocate_run([[maybe_unused]] size_t size, [[maybe_unused]] size_t alignment,
                     [[maybe_unused]] Fill fill) noexcept {
    if constexpr (keeps_runs) {
      if (size > TheCache::Runs::longest * page || alignment > page) return nullptr;
      if (!has_cache()) return nullptr;
      if (Span* const run = take_run(Base::pages_for(size))) {
        const bool is_zero = ZeroingSource<Pages> && run->dirty == 0;
        return Base::filled(run->base, is_zero ? 0 : run->pages * page, fill);
      }
    }
    return nullptr;
  }

  // For a block of so many pages, or a few more; null: to be had neither from the cache nor at once
  // from the heap.
  Span* take_run(size_t least) noexcept {
    const size_t length = rounded_run(least);
    Span* run = nullptr;
    size_t wanted = 0;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        run = cache->runs.take(length);
        if (run == nullptr && set_.has_many_owners()) wanted = cache->runs.wanted(length);
      }
    }
    if (wanted != 0) {
      run = Base::take_runs(length, wanted);
      if (run != nullptr && run->next != nullptr) keep_runs(run->next);
    }
    if (run != nullptr) run->become_live();
    return run;
  }

  // ---- Releasing ----

  void deallocate_no_slot(void* block) noexcept {
    Span* const run = live_run(block);
    if (run == nullptr || run->pages > TheCache::Runs::longest || !may_keep_runs()) {
      return Base::deallocate(block);
    }
    if (!run->become_cached() && checked) raise(Fault::double_free, block);
    run->dirty = run->pages;
    Span* given = nullptr;
    bool is_kept = false;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        is_kept = cache->runs.put_released(run, set_.run_budget, given);
      }
    }
    note_room();
    if (!is_kept) {
      run->next = given;
      given = run;
    }
    if (given == nullptr) return;
    Base::take_back_runs(given);
    Base::take_over_some();
  }
};

}  // namespace rsb
