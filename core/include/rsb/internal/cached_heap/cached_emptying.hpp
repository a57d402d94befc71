// SPDX-License-Identifier: MIT OR Apache-2.0
// Caches are emptied: one that nobody wants, or all of them, also as a last resort for memory.
//
// Room cached_heap: for CachedHeap alone.
#pragma once

#include "rsb/internal/cached_heap/cached_giving.hpp"

namespace rsb {

template <HeapConfig Config>
class CachedEmptying : protected CachedGiving<Config> {
 protected:
  using Base = CachedGiving<Config>;
  using Base::cache_options, Base::page;
  using Base::give_whole_slots, Base::may_hold_slots, Base::refuse;
  using Base::have_room_, Base::pages_, Base::set_;
  using typename Base::Adopted, typename Base::Classes, typename Base::LockGuard,
      typename Base::TheCache;

  using Others = typename HeapPages<Config>::Others;

  // A cache that is nobody's. Returns a slot that was not whole; null: there was none.
  [[nodiscard]] void* empty(TheCache& cache) noexcept {
    while (cache.spans.count() != 0) {
      Span* given = nullptr;
      cache.spans.give_up(TheCache::Spans::batch, given);
      Base::take_back_spans(given);
    }
    while (cache.runs.count() != 0) {
      Span* given = nullptr;
      cache.runs.give_up(TheCache::Runs::batch, given);
      Base::take_back_runs(given);
    }
    Adopted none;
    void* refused = nullptr;
    for (SizeClass c = 0; c < Classes::count; c++) {
      const Magazine m = cache.magazine(c);
      void* slots[cache_options.batch];
      while (const size_t count = m.take(slots, cache_options.batch)) {
        if (void* const slot = give_whole_slots(slots, count, none)) refused = slot;
      }
    }
    set_.return_borrowed(cache);
    cache.begin();
    return refused;
  }

  // The calling thread's was given back; and so was `unwanted` before, see CacheSet::give_back().
  void settle(TheCache* unwanted) noexcept {
    void* refused = nullptr;
    if (unwanted != nullptr) {
      refused = empty(*unwanted);
      set_.put_below(unwanted);
    }
    const bool is_quiet = !set_.has_many_owners();
    {
      LockGuard guard(pages_.lock_);
      pages_.settle(guard, is_quiet ? Others::idle : Others::at_work);
    }
    if (refused != nullptr) refuse(refused);
  }

  // For a scope, all caches are nobody's, and empty.
  class Emptied {
   public:
    explicit Emptied(CachedEmptying& the_heap) noexcept
        : heap_(the_heap), caches_(the_heap.set_.take_all(the_heap.seats_)) {
      for (TheCache* cache = caches_; cache != nullptr; cache = cache->next) {
        any_ = !cache->is_empty() || any_;
        if (void* const slot = the_heap.empty(*cache)) refused_ = slot;
      }
    }
    ~Emptied() { heap_.set_.put_back_all(caches_); }
    Emptied(const Emptied&) = delete;
    Emptied& operator=(const Emptied&) = delete;

    bool any() const noexcept { return any_; }           // whether there was something in them
    void* refused() const noexcept { return refused_; }  // one that was not whole; or null

   private:
    CachedEmptying& heap_;
    TheCache* const caches_;
    bool any_ = false;
    void* refused_ = nullptr;
  };

  [[gnu::cold]] size_t given_back() noexcept {
    LockGuard guard(pages_.lock_);
    return pages_.given_back_;
  }

  // True: there was something in the caches.
  [[gnu::noinline, gnu::cold]] bool flush_all() noexcept {
    if (!set_.is_made()) return false;
    bool any;
    void* refused;
    store_relaxed(&have_room_, false);
    {
      const Emptied emptied(*this);
      any = emptied.any();
      refused = emptied.refused();
    }
    if (refused != nullptr) refuse(refused);
    return any;
  }

  // ---- Memory by all means ----

  // What lies in caches, before the user is asked for memory: `bytes`. And again after that: what
  // the user's handler releases goes to caches.
  template <class Allocate>
  void* by_all_means(size_t bytes, Allocate allocate) noexcept {
    do {
      if (void* const block = allocate()) [[likely]]
        return block;
      if (caches_may_help(bytes) && flush_all()) {
        if (void* const block = allocate()) return block;
      }
    } while (Base::ask_handler(bytes));
    LockGuard guard(pages_.lock_);
    pages_.give_up(guard);
    return nullptr;
  }

  // Whether `bytes` bytes may be had once there is nothing in caches any more. A slot may be all
  // that keeps its span, and a span its acquisition.
  [[gnu::noinline, gnu::cold]] bool caches_may_help(size_t bytes) noexcept {
    if (!may_hold_slots()) return false;
    LockGuard guard(pages_.lock_);
    return pages_.may_have(guard, bytes, pages_.runs_.acquired_pages() * page);
  }
};

}  // namespace rsb
