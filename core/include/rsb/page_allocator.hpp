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

#include "rsb/fault.hpp"
#include "rsb/internal/pages/page_runs.hpp"
#include "rsb/lock.hpp"
#include "rsb/page_source.hpp"

namespace rsb {

template <class C>
concept HeapConfig = requires {
  requires PageSource<typename C::Pages>;
  requires Lock<typename C::Lock>;
  requires SameAs<decltype(C::options), const Options>;
};

template <HeapConfig Config>
class PageAllocator : ValidOptions<Config::options> {
 public:
  static constexpr Options options = Config::options;
  static constexpr size_t page = options.page_size;

  using Pages = typename Config::Pages;
  using LockType = typename Config::Lock;
  using LockGuard = Guard<LockType>;

  // The most that the page source ever gives at a time, so far as it says.
  static constexpr size_t most_acquired = [] {
    if constexpr (BoundedSource<Pages>) return Pages::most_bytes;
    return SIZE_MAX;
  }();
  static_assert(PageMap<options>::needed_node_bytes <= most_acquired,
                "Options::radix_leaf_bits and radix_inner_bits make a node larger than the page "
                "source ever gives (its most_bytes)");

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
    return resize(guard, taken_run(run), pages);
  }

  // Hands over memory until it is taken out again, if it ever is; returns how many bytes of it can
  // be allocated as runs of pages. See rsb_add_region(); a heap's blocks need more than a page.
  size_t add_region(void* base, size_t bytes) noexcept {
    LockGuard guard(lock_);
    return add_region(guard, base, bytes);
  }

  // See rsb_remove_region(). If a heap stands on these pages, ask the heap instead: its bins keep
  // spans.
  [[nodiscard]] size_t remove_region(void* base, size_t bytes) noexcept {
    LockGuard guard(lock_);
    Span* const region = region_at(base, bytes);
    if (region == nullptr) return 0;
    runs_.stop_taking(region);
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
    return trim(guard);
  }

  Pages& source() noexcept { return source_; }

  LockType& lock() noexcept { return lock_; }

 protected:  // for the heaps above, see HeapPages
  PageMap<options>& map() noexcept { return runs_.map(); }
  const PageMap<options>& map() const noexcept { return runs_.map(); }

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

  // Called with the lock held; the fault is raised without, so that the hook may do what it likes.
  [[noreturn, gnu::cold, gnu::noinline]] void fail(Fault fault, const void* p) noexcept {
    lock_.unlock();
    raise(fault, p);
  }

  Span* taken_run(void* run) noexcept {
    Span* const span = map().find(run);
    if (span != nullptr && span->kind == Kind::pages && span->base == run) return span;
    fail(span != nullptr && span->kind == Kind::free ? Fault::double_free : Fault::foreign_pointer,
         run);
  }

  // An allocation is about to return null.
  void give_up([[maybe_unused]] LockGuard& guard) noexcept {
    failures_++;
    if constexpr (requires { Config::exhausted(); }) {
      Unlocked unlocked(guard);
      Config::exhausted();
    }
  }

  // The lock may be given up in between by all functions that take the guard from here on.

  // How much of what is acquired ahead, for more requests like the one that asks, is touched in the
  // end: all of it, or perhaps no more than where blocks begin.
  enum class Texture : uint8_t { dense, sparse };

  Span* take(LockGuard& guard, size_t pages, Texture texture) noexcept {
    if (Span* const run = runs_.take(pages)) [[likely]]
      return run;
    return grow_and_take(guard, pages, page, texture);
  }

  Span* take(LockGuard& guard, size_t pages, size_t alignment) noexcept {
    if (Span* const run = runs_.take(pages, alignment)) [[likely]]
      return run;
    // Blocks of some spans are often touched at their beginning only, and such pieces full of them.
    const bool is_block = pages > options.span_pages() && pages * page < options.acquire_alignment;
    return grow_and_take(guard, pages, alignment, is_block ? Texture::sparse : Texture::dense);
  }

  [[gnu::noinline]] void give(LockGuard& guard, Span* run, size_t dirty) noexcept {
    if (lacks_reserve()) [[unlikely]] {
      runs_.give(run, dirty);
      renew_reserve(runs_.take(options.reserve_pages));
      return;
    }
    run = runs_.merge(run, dirty);
    if (runs_.free_pages() > options.keep_free / page) [[unlikely]]
      return shed(guard, run);
    runs_.keep(run);
  }

  // ---- The reserve ------------------------------------------------------------------------------

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
  }

  // Never gives up the lock, nor calls the page source.
  [[gnu::noinline]] Span* take_at_once(size_t pages, size_t alignment) noexcept {
    Span* const run = runs_.take(pages, alignment);
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

  [[gnu::noinline]] bool resize(LockGuard& guard, Span* run, size_t pages) noexcept {
    if (pages == run->pages) return true;
    if (pages > run->pages) return runs_.extend(run, pages);
    Span* const rest = runs_.shorten(run, pages);
    give(guard, rest, rest->pages);
    return true;
  }

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

  // ---- Growing ---------------------------------------------------------------------------------

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

  Span* take_from_region(LockGuard& guard, size_t pages,
                         size_t alignment) noexcept requires RegionSource<Pages> {
    for (Region r = source_.next_region(); !r.is_none(); r = source_.next_region()) {
      if (add_region(guard, r.base, r.bytes) == 0) continue;
      if (Span* const run = runs_.take(pages, alignment)) return run;
    }
    return nullptr;
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

  // Memory that the map could not cover for want of memory, and that the source did not take back:
  // kept in a list in itself, so that it is not lost.
  struct Orphan {
    Orphan* next;
    size_t bytes;
  };

  [[gnu::cold]] void release_or_keep(LockGuard& guard, void* base, size_t bytes) noexcept {
    if (!release_to_source(guard, base, bytes)) keep_orphan(base, bytes);
  }

  void keep_orphan(void* base, size_t bytes) noexcept {
    Orphan* const orphan = static_cast<Orphan*>(base);
    orphan->next = orphans_;
    orphan->bytes = bytes;
    orphans_ = orphan;
    metadata_bytes_ += bytes;
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

  // Installs what the map lacks for [base, base + bytes), without the lock. False: the source has
  // no memory for it.
  bool cover(void* base, size_t bytes) noexcept {
    const bool knows_others = map().covers_any();
    refuse_aliases(base, bytes);
    while (const size_t node_bytes = map().missing(base, bytes)) {
      if constexpr (options.map == Map::flat) {
        return false;
      } else {
        if (!add_node(base, bytes, node_bytes)) return false;
      }
    }
    if (!knows_others) refuse_aliases(base, bytes);  // another thread may have been the first
    return true;
  }

  void refuse_aliases(const void* base, size_t bytes) const noexcept {
    if (!map().tells_apart(base, bytes)) [[unlikely]]
      raise(Fault::bad_pages, base);
  }

  // `node_bytes`: what the map would like best.
  [[gnu::cold]] bool add_node(void* base, size_t bytes, size_t node_bytes) noexcept {
    node_bytes = affordable_node(base, bytes, node_bytes);
    void* node;
    while ((node = acquire_sparse(source_, align_up(node_bytes, page), page)) == nullptr) {
      node_bytes = map().smaller_node(base, bytes, node_bytes);
      if (node_bytes == 0) return false;
    }
    if (!is_aligned(node, page)) raise(Fault::bad_pages, node);
    const size_t size = align_up(node_bytes, page);
    if constexpr (!ZeroingSource<Pages>) __builtin_memset(node, 0, size);
    LockGuard guard(lock_);
    const bool installed = map().install(base, bytes, node, node_bytes);
    acquisitions_++;
    if (installed) {
      metadata_bytes_ += size;
    } else {
      release_or_keep(guard, node, size);  // another thread was faster
    }
    return true;
  }

  // A node is for memory to come, too. Where there is not much more to come, or where it costs
  // memory although it is not touched, the node covers as much as there is by now, about.
  [[gnu::cold]] size_t affordable_node(void* base, size_t bytes, size_t node_bytes) noexcept {
    if constexpr (SparingSource<Pages>) {
      constexpr size_t least_share = 64;  // of what there is to spare
      size_t acquired;
      {
        LockGuard guard(lock_);
        acquired = runs_.acquired_pages() * page;
      }
      while (!source_.has_to_spare(node_bytes * least_share)) {
        const size_t smaller = map().smaller_node(base, bytes, node_bytes);
        if (smaller / sizeof(Span) * page < acquired + bytes) break;
        node_bytes = smaller;
      }
    }
    return node_bytes;
  }

  [[gnu::cold]] void refuse_overlap(void* base, size_t bytes) noexcept {
    for (Span* s = runs_.acquisitions(); s != nullptr; s = s->next_acquisition) {
      if (overlap(s->base, runs_.length_of_all(s) * page, base, bytes))
        fail(Fault::bad_pages, base);
    }
    if constexpr (options.map == Map::flat) {
      if (map().lives_in(base, bytes)) fail(Fault::bad_pages, base);
    }
  }

  // ---- Shrinking -------------------------------------------------------------------------------

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
      runs_.take_out(candidate);
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
        runs_.take_out(run);
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

  // What settle() remembers. In pages.
  template <bool discards, class Count = size_t>
  struct Settled {};
  template <class Count>
  struct Settled<true, Count> {
    Count earlier_peak = 0;
    Count kept_for = 0;
  };

  // Both take a run that is in no list.

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
    if (release_to_source(guard, base, pages * page)) return pages * page;
    runs_.add(base, pages, 0, pages);  // the source could not: the memory is ours, and not lost
    return 0;
  }

  bool release_to_source(LockGuard& guard, void* base, size_t bytes) noexcept {
    bool released;
    {
      Unlocked unlocked(guard);
      released = source_.release(base, bytes);
    }
    releases_ += released;
    if (released) given_back_ += bytes;
    return released;
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

  [[gnu::cold]] size_t trim(LockGuard& guard) noexcept {
    // To release one gives up the lock, and the list may be another one then. So first all are
    // removed, and chained.
    Span* removed = nullptr;
    for (Span *s = runs_.acquisitions(), *next; s != nullptr; s = next) {
      next = s->next_acquisition;
      if (s->kind != Kind::free || !runs_.is_releasable(s)) continue;
      runs_.take_out(s);
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
        runs_.take_out(run);
        const size_t discarded = discard(guard, run);
        if (discarded == 0) break;
        bytes += discarded;
      }
    }
    return bytes;
  }

  LockType lock_;
  [[no_unique_address]] Pages source_;
  PageRuns<options> runs_;
  Orphan* orphans_ = nullptr;
  Span* to_discard_ = nullptr;
  Span* reserve_ = nullptr;
  size_t metadata_bytes_ = 0;
  size_t acquisitions_ = 0;
  size_t releases_ = 0;
  size_t given_back_ = 0;  // bytes, released and discarded
  size_t failures_ = 0;
  [[no_unique_address]] Settled<DiscardingSource<Pages>> settled_;
  uint8_t halvings_ = 0;              // of Options::acquire_size
  Texture texture_ = Texture::dense;  // of what was last asked for and not there
};

}  // namespace rsb
