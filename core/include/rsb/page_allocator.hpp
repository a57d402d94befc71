// SPDX-License-Identifier: MIT OR Apache-2.0
// The page-only allocator: runs of whole pages from a page source, kept for reuse within limits.
// Public, usable alone, and the ground that Heap stands on.
//
//   struct Config {
//     using Pages = rsb::platform::Pages;   // satisfies rsb::PageSource
//     using Lock = rsb::SpinLock;           // satisfies rsb::Lock
//     static constexpr rsb::Options options{.page_size = 4 * rsb::KiB};
//   };
//   constinit rsb::PageAllocator<Config> pages;
//
// Every operation takes constant time apart from the page source's. One lock; the page source is
// never called with it held. Not for interrupt handlers that can interrupt a holder of the lock.
//
// With Options::reserve_pages it keeps a run of so many pages for Heap::allocate_nowait() and for
// nothing else. What was drawn from it, the next call that takes or gives pages replaces, if there
// are pages: after it has met its own request, and by the page source if need be. Until the first
// such call there is no reserve.
#pragma once

#include "rsb/internal/page_allocator/page_stock.hpp"

namespace rsb {

template <HeapConfig Config>
class PageAllocator : protected PageStock<Config> {
  using Base = PageStock<Config>;

 public:
  using Base::most_acquired, Base::options, Base::page;
  using typename Base::LockGuard, typename Base::LockType, typename Base::Pages;

  constexpr PageAllocator() noexcept = default;
  PageAllocator(const PageAllocator&) = delete;
  PageAllocator& operator=(const PageAllocator&) = delete;

  // `pages` pages at a multiple of `alignment` bytes (a power of two; a page or less means one
  // page). Null: there are none, or `pages` is 0.
  [[nodiscard]] void* allocate(size_t pages, size_t alignment = page) noexcept {
    if (pages == 0 || !is_power_of_two(alignment)) return nullptr;
    LockGuard guard(lock_);
    Span* const run = take(guard, pages, larger(alignment, page));
    if (run == nullptr) {
      give_up(guard);
      return nullptr;
    }
    char* const base = run->base;
    top_up(guard);
    return base;
  }

  // Gives back a whole run that allocate() returned. Null does nothing; what is not such a run is a
  // foreign_pointer or double_free fault.
  void deallocate(void* run) noexcept {
    if (run == nullptr) return;
    LockGuard guard(lock_);
    Span* const span = taken_run(run);
    give(guard, span, span->pages);
  }

  // Makes a run longer or shorter where it stands. False: what lies behind it is not free, and
  // nothing has changed.
  [[nodiscard]] bool resize(void* run, size_t pages) noexcept {
    if (pages == 0 || run == nullptr) return false;
    LockGuard guard(lock_);
    return Base::resize(guard, taken_run(run), pages);
  }

  // Hands over memory until it is taken out again, if it ever is; returns how many bytes of it can
  // be allocated as runs of pages. See rsb_add_region(); a heap's blocks need more than a page.
  size_t add_region(void* base, size_t bytes) noexcept {
    LockGuard guard(lock_);
    return Base::add_region(guard, base, bytes);
  }

  // See rsb_remove_region(). If a heap stands on these pages, ask the heap instead: its bins keep
  // spans.
  [[nodiscard]] size_t remove_region(void* base, size_t bytes) noexcept {
    LockGuard guard(lock_);
    Span* const region = region_at(base, bytes);
    if (region == nullptr) return 0;
    runs_.stop_taking(region);
    refuse_damaged();
    return remove_if_free(guard, region, base, bytes);
  }

  // Bytes of free pages, those of regions that are being taken out included; and of the longest run
  // that is allocated now without asking the page source. There may be one that is up to an eighth
  // longer, which good fit overlooks. The fragmentation of the free memory is
  // 1 - longest_run_bytes() / free_bytes(). Constant time.
  size_t free_bytes() noexcept {
    LockGuard guard(lock_);
    return runs_.free_pages() * page;
  }
  size_t longest_run_bytes() noexcept {
    LockGuard guard(lock_);
    return runs_.most_pages() * page;
  }

  // Map::flat only: tells where the page source lives, if that is known beforehand. The window
  // begins at a multiple of the page size; it and its descriptors, zeroed, are the user's to
  // provide. It may cover regions that the heap has, whose own descriptors stay in use, but no part
  // of another window.
  void add_window(Window& window) noexcept requires(options.map == Map::flat) {
    LockGuard guard(lock_);
    map().add_window(&window);
  }

  // Map::flat only: windows over a machine's memory map, `count` regions by ascending address, each
  // of which lies in one then. `memory`, zeroed and at a multiple of 64 bytes, has room for them
  // and their descriptors, bytes_for_windows() of it, and is theirs for good. Regions that share a
  // page, or lie side by side, share a window; more than a few windows make every lookup slower.
  // Linear in `count`.
  void add_windows(const Region* ram, size_t count, void* memory) noexcept
      requires(options.map == Map::flat) {
    char* at = static_cast<char*>(memory);
    LockGuard guard(lock_);
    for_each_window(ram, count, [&](char* base, size_t length) {
      Window* const window = reinterpret_cast<Window*>(at);
      at += bytes_of_window;
      window->base = base;
      window->pages = length;
      window->descriptors = reinterpret_cast<Span*>(at);
      at += length * sizeof(Span);
      map().add_window(window);
    });
  }
  static size_t bytes_for_windows(const Region* ram, size_t count) noexcept {
    size_t bytes = 0;
    for_each_window(ram, count, [&](char*, size_t length) {
      bytes += bytes_of_window + length * sizeof(Span);
    });
    return bytes;
  }

  // Gives back all that is free: whole acquisitions are released, other free runs discarded where
  // the source can. Returns the number of bytes. Linear in the number of acquisitions and free
  // runs.
  size_t trim() noexcept {
    LockGuard guard(lock_);
    return Base::trim(guard);
  }

  Pages& source() noexcept { return source_; }

  LockType& lock() noexcept { return lock_; }

 protected:
  using Base::bytes_of_window;
  using Base::for_each_window, Base::give, Base::give_up, Base::map, Base::region_at,
      Base::refuse_damaged, Base::remove_if_free, Base::take, Base::taken_run, Base::top_up;
  using Base::lock_, Base::runs_, Base::source_;
};

}  // namespace rsb
