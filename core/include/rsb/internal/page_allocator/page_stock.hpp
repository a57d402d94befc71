// SPDX-License-Identifier: MIT OR Apache-2.0
// The stock of a page allocator, and its reserve: runs are taken and given back under the lock.
//
// Room page_allocator: for PageAllocator, and for the room heap on it.
#pragma once

#include "rsb/internal/page_allocator/page_shrinking.hpp"

namespace rsb {

template <HeapConfig Config>
class PageStock : protected PageShrinking<Config> {
 protected:
  using Base = PageShrinking<Config>;
  using Base::fail, Base::grow_and_take, Base::map, Base::refuse_damaged, Base::shed,
      Base::verify_taken;
  using Base::options, Base::page;
  using Base::reserve_, Base::runs_;
  using typename Base::LockGuard, typename Base::Texture;

  Span* taken_run(void* run) noexcept {
    Span* const span = map().find(run);
    if (span != nullptr && span->kind == Kind::pages && span->base == run) return span;
    fail(span != nullptr && span->kind == Kind::free ? Fault::double_free : Fault::foreign_pointer,
         run);
  }

  Span* take(LockGuard& guard, size_t pages, Texture texture) noexcept {
    if (Span* const run = runs_.take(pages)) [[likely]]
      return run;
    refuse_damaged();
    Span* const run = grow_and_take(guard, pages, page, texture);
    refuse_damaged();
    return run;
  }

  Span* take(LockGuard& guard, size_t pages, size_t alignment) noexcept {
    if (Span* const run = runs_.take(pages, alignment)) [[likely]]
      return run;
    refuse_damaged();
    // Blocks of some spans are often touched at their beginning only, and such pieces full of them.
    const bool is_block = pages > options.span_pages() && pages * page < options.acquire_alignment;
    const Texture texture = is_block ? Texture::sparse : Texture::dense;
    Span* const run = grow_and_take(guard, pages, alignment, texture);
    refuse_damaged();
    return run;
  }

  [[gnu::noinline]] void give(LockGuard& guard, Span* run, size_t dirty) noexcept {
    verify_taken(run);
    if (lacks_reserve()) [[unlikely]] {
      runs_.give(run, dirty);
      renew_reserve(runs_.take(options.reserve_pages));
      refuse_damaged();
      return;
    }
    run = runs_.merge(run, dirty);
    refuse_damaged();
    if (runs_.free_pages() > options.keep_free / page) [[unlikely]]
      return shed(guard, run);
    runs_.keep(run);
  }

  [[gnu::noinline]] bool resize(LockGuard& guard, Span* run, size_t pages) noexcept {
    verify_taken(run);
    if (pages == run->pages) return true;
    if (pages > run->pages) {
      const bool extended = runs_.extend(run, pages);
      refuse_damaged();
      return extended;
    }
    Span* const rest = runs_.shorten(run, pages);
    give(guard, rest, rest->pages);
    return true;
  }

  // ---- The reserve ----

  size_t reserved_pages() const noexcept { return reserve_ != nullptr ? reserve_->pages : 0; }

  bool lacks_reserve() const noexcept {
    if constexpr (options.reserve_pages == 0) return false;
    return reserved_pages() < options.reserve_pages;
  }

  // Whoever has taken pages calls this, as its last step.
  void top_up(LockGuard& guard) noexcept {
    if (!lacks_reserve()) [[likely]]
      return;
    renew_reserve(take(guard, options.reserve_pages, Texture::dense));
  }

  // A whole run for what is left of the old one; or null.
  [[gnu::noinline]] void renew_reserve(Span* run) noexcept {
    if (run == nullptr) return;
    if (!lacks_reserve()) {  // another thread was faster
      runs_.give(run, run->dirty);
      return;
    }
    Span* const old = reserve_;
    reserve_ = run;
    run->kind = Kind::reserve;
    if (old != nullptr) runs_.give(old, old->dirty);
  }

  // For a region from which nothing is taken any more.
  [[gnu::cold]] void keep_no_reserve_in(const char* base, size_t bytes) noexcept {
    if (reserve_ == nullptr || bytes_from(base, reserve_->base) >= bytes) return;
    Span* const old = reserve_;
    reserve_ = nullptr;
    runs_.give(old, old->dirty);
    renew_reserve(runs_.take(options.reserve_pages));
    refuse_damaged();
  }

  // Never gives up the lock, nor calls the page source.
  [[gnu::noinline]] Span* take_at_once(size_t pages, size_t alignment) noexcept {
    Span* const run = runs_.take(pages, alignment);
    refuse_damaged();
    return run != nullptr ? run : take_from_reserve(pages, alignment);
  }

  Span* take_from_reserve(size_t pages, size_t alignment) noexcept {
    Span* const run = reserve_;
    if (run == nullptr || run->pages < pages || !is_aligned(run->base, alignment)) return nullptr;
    if (run->pages == pages) {
      reserve_ = nullptr;
    } else {
      reserve_ = runs_.shorten(run, pages);
      reserve_->kind = Kind::reserve;
    }
    run->kind = Kind::pages;
    return run;
  }
};

}  // namespace rsb
