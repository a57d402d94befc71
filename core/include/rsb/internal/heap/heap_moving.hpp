// SPDX-License-Identifier: MIT OR Apache-2.0
// Large blocks of a heap become longer or shorter: where they are, or by moving their pages.
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/internal/heap/heap_blocks.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapMoving : protected HeapBlocks<Config> {
 protected:
  using Base = HeapBlocks<Config>;
  using Base::become_large, Base::claim, Base::pages_for, Base::runs_ahead;
  using Base::moving_fails_, Base::pages_;
  using Base::options, Base::page;
  using typename Base::LockGuard;

  // False: there are no pages behind it to be had at once.
  bool resize(LockGuard& guard, Span* span, size_t pages) noexcept {
    if (pages > span->pages && runs_ahead(pages - span->pages)) return false;
    return pages_.resize(guard, span, pages);
  }

  // Shorter blocks are faster copied.
  static constexpr size_t least_to_move = 512 * KiB;

  // Moves a large block to more pages without copying. Null: not possible, and nothing has changed.
  [[gnu::noinline]] void* move_pages(Span* span, size_t size, size_t alignment) noexcept {
    char* const from = span->base;
    const size_t pages = span->pages;
    Span* target;
    {
      LockGuard guard(pages_.lock_);
      if (PageRuns<options>::is_given(span) || runs_ahead(pages_for(size))) return nullptr;
      target = pages_.take(guard, pages_for(size), larger(alignment, page));
      if (target == nullptr) return nullptr;
      // Where there is memory behind the target already, copying is faster.
      if (PageRuns<options>::is_given(target) || target->dirty > target->pages / 2) {
        pages_.give(guard, target, target->dirty);
        return nullptr;
      }
    }
    const Move moved = pages_.source_.move(from, pages * page, target->base);
    LockGuard guard(pages_.lock_);
    if (moved == Move::target_lost) return lose_target(guard, target, pages);
    if (moved == Move::refused) {
      pages_.give(guard, target, target->dirty);
      return nullptr;
    }
    claim(span, from);
    become_large(target);
    char* const to = target->base;
    pages_.give(guard, span, 0);
    return to;
  }

  // The first pages of a target count as used for good; and no more is put at risk.
  [[gnu::cold]] void* lose_target(LockGuard& guard, Span* target, size_t pages) noexcept {
    store_relaxed(&moving_fails_, true);
    (void)pages_.resize(guard, target, pages);
    return nullptr;
  }
};

}  // namespace rsb
