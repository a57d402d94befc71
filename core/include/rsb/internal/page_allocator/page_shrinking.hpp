// SPDX-License-Identifier: MIT OR Apache-2.0
// A page allocator gives back what is free: what is too much, what is not wanted any more, or all.
//
// Room page_allocator: for PageAllocator, and for the room heap on it.
#pragma once

#include "rsb/internal/page_allocator/page_growing.hpp"

namespace rsb {

template <HeapConfig Config>
class PageShrinking : protected PageGrowing<Config> {
 protected:
  using Base = PageGrowing<Config>;
  using Base::acquisitions_, Base::given_back_, Base::gone_, Base::releases_, Base::runs_,
      Base::settled_, Base::source_, Base::to_discard_;
  using Base::map, Base::release_or_keep, Base::release_to_source, Base::verify_free;
  using Base::options, Base::page;
  using typename Base::LockGuard, typename Base::Pages;

  [[gnu::cold]] size_t trim(LockGuard& guard) noexcept {
    // To release one gives up the lock, and the list may be another one then. So first all are
    // removed, and chained.
    Span* removed = nullptr;
    for (Span *s = runs_.acquisitions(), *next; s != nullptr; s = next) {
      next = s->next_acquisition;
      if (s->kind != Kind::free || !runs_.is_releasable(s)) continue;
      take_out(s);
      runs_.remove(s);
      s->next = removed;
      removed = s;
    }
    size_t bytes = 0;
    for (Span *run = removed, *next; run != nullptr; run = next) {
      next = run->next;
      bytes += release_removed(guard, run);
    }
    if constexpr (DiscardingSource<Pages>) {
      while (Span* const run = runs_.longest_dirty()) {
        take_out(run);
        const size_t discarded = discard(guard, run);
        if (discarded == 0) break;
        bytes += discarded;
      }
    }
    return bytes;
  }

  void take_out(Span* run) noexcept {
    verify_free(run);
    runs_.take_out(run);
  }

  // ---- More than the options allow ----

  // There is more free memory than the options allow: gives back what is worth it.
  [[gnu::noinline]] void shed(LockGuard& guard, Span* run) noexcept {
    if (runs_.is_releasable(run)) {
      release(guard, run);
      return;
    }
    runs_.keep(run);
    if constexpr (DiscardingSource<Pages>) {
      if (runs_.dirty_pages() <= options.keep_free / page) return;
      if (run->dirty < least_to_discard()) return;
      // What has just become free is often wanted again at once. So it is the turn of the run that
      // came here last time, unless it was taken or merged since.
      Span* const candidate = to_discard_;
      to_discard_ = run;
      if (candidate == nullptr || candidate == run || candidate->kind != Kind::free) return;
      if (candidate->dirty < least_to_discard()) return;
      take_out(candidate);
      discard(guard, candidate);
    }
  }

  // In pages. Spans in use here and there keep all runs short, however much is free: then it is
  // short ones that are worth a call of the source.
  size_t least_to_discard() const noexcept {
    constexpr size_t usual = options.discard_size / page;
    const bool is_pressing = runs_.dirty_pages() / 2 > options.keep_free / page;
    return is_pressing ? larger(usual / 16, 1) : usual;
  }

  // ---- When threads end ----

  // Whether other threads are at work.
  enum class Others : uint8_t { idle, at_work };

  // A thread has ended, or will not allocate for long: what it used may be wanted again by the next
  // one, or by none. Free pages keep memory for the most that was in use since the last call, or
  // for 63/64 of what that one kept it for; and as much as is in use now. The rest is discarded, so
  // far as `most_runs` runs go, if no others are at work, who would want it back. The lock is given
  // up for each.
  [[gnu::cold, gnu::noinline]] void settle(LockGuard& guard, Others others) noexcept {
    if constexpr (DiscardingSource<Pages>) {
      constexpr size_t most_runs = 512;
      const size_t peak = runs_.peak_used_pages();
      runs_.begin_peak();
      settled_.earlier_peak = larger(settled_.earlier_peak, peak);
      settled_.kept_for = larger(peak, settled_.kept_for - settled_.kept_for / 64);
      if (others == Others::at_work) return;
      for (size_t i = 0; i < most_runs; i++) {
        const size_t too_many = too_many_dirty();
        if (too_many == 0) return;
        Span* const run = runs_.longest_dirty();
        if (run->dirty / 2 > too_many) return;
        take_out(run);
        if (discard(guard, run) == 0) return;
      }
    }
  }

  // Pages.
  size_t too_many_dirty() const noexcept {
    constexpr size_t least = options.keep_free / page / 16;
    const size_t dirty = runs_.dirty_pages();
    const size_t used = runs_.used_pages();
    const size_t to_keep =
        larger(larger(least, used), settled_.kept_for > used ? settled_.kept_for - used : 0);
    return dirty > to_keep ? dirty - to_keep : 0;
  }

  size_t peak_used_pages() const noexcept {
    if constexpr (DiscardingSource<Pages>) {
      return larger(settled_.earlier_peak, runs_.peak_used_pages());
    } else {
      return runs_.peak_used_pages();
    }
  }

  // ---- What comes of giving back ----

  // Behind virtual addresses of 64 bits memory is a number of bytes, and holes of any length are in
  // plenty. Elsewhere it has to lie side by side.
  static constexpr bool is_number_of_bytes = SparingSource<Pages> && sizeof(void*) >= 8;

  // Whether the source, which has just refused `bytes`, may have them once up to `returned` bytes
  // have gone back to it. A request for less tells what it has besides. Where memory lies side by
  // side, each acquisition that goes back can join what lies before and behind it, and be rounded
  // up to twice its size.
  [[gnu::cold, gnu::noinline]] bool may_have(LockGuard& guard, size_t bytes,
                                             size_t returned) noexcept {
    if (returned == 0) return false;
    if (bytes <= returned) return true;
    size_t besides = bytes - returned;
    if constexpr (!is_number_of_bytes) besides /= 2 * (acquisitions_ - releases_ + 1);
    besides = align_up(larger(besides, 1), page);
    void* probe;
    {
      Unlocked unlocked(guard);
      probe = source_.acquire(besides, page);
    }
    if (probe == nullptr) return false;
    acquisitions_++;
    release_or_keep(guard, probe, besides);
    return true;
  }

  // These take a run that is in no list.

  // Returns the bytes that went back.
  size_t release(LockGuard& guard, Span* run) noexcept {
    runs_.remove(run);
    return release_removed(guard, run);
  }

  [[gnu::cold]] size_t release_removed(LockGuard& guard, Span* run) noexcept {
    char* const base = run->base;
    const size_t pages = run->pages;
    {
      Unlocked unlocked(guard);
      discard_descriptors(base, pages);
    }
    if (release_to_source(guard, base, pages * page)) {
      gone_.note(base);
      return pages * page;
    }
    runs_.add(base, pages, 0, pages);  // the source could not: the memory is ours, and not lost
    return 0;
  }

  [[gnu::noinline]] size_t discard(LockGuard& guard,
                                   Span* run) noexcept requires DiscardingSource<Pages> {
    const size_t dirty = run->dirty;
    runs_.set_aside(run);
    bool discarded;
    {
      Unlocked unlocked(guard);
      discarded = source_.discard(run->base, run->pages * page);
    }
    runs_.give(run, discarded ? 0 : dirty);
    if (!discarded) return 0;
    given_back_ += dirty * page;
    return dirty * page;
  }

  // The descriptors of a long acquisition are memory too. Only called while nobody else can
  // come to own the acquisition's addresses.
  [[gnu::cold]] void discard_descriptors(char* base, size_t pages) noexcept {
    if constexpr (DiscardingSource<Pages> && options.map == Map::radix) {
      if (!map().is_contiguous(base, pages * page)) return;
      char* const begin = reinterpret_cast<char*>(map().find(base));
      const size_t bytes = pages * sizeof(Span);
      char* const first_whole = align_up(begin, page);
      const size_t skipped = bytes_from(begin, first_whole);
      if (bytes >= skipped + page) source_.discard(first_whole, (bytes - skipped) & ~(page - 1));
    }
  }
};

}  // namespace rsb
