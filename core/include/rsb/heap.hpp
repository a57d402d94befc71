// SPDX-License-Identifier: MIT OR Apache-2.0
// The heap: blocks of any size and alignment, from bins up to the span size and from whole pages
// above.
//
//   struct Config {
//     using Pages = rsb::platform::Pages;   // satisfies rsb::PageSource
//     using Lock = rsb::SpinLock;           // satisfies rsb::Lock
//     static constexpr rsb::Options options{};
//   };
//   constinit rsb::Heap<Config> heap;       // any number of heaps; no initialisation to forget
//
// Theory of operation. A request up to Options::span_size goes to the bin of its size class and
// takes a slot from the bin's current span: one that was freed, else one never used, else another
// span. Anything larger is a run of pages. A block is found by the page of its address, so it needs
// no header. One lock guards everything; it is never held while the page source, a fault hook or a
// handler runs.
//
// Cost. allocate and deallocate of blocks up to the span size take constant time unless memory runs
// out: some 33 instructions while the current span serves. Taking and giving back spans costs up to
// 250 (x86-64, Checks::basic), and a call that acquires, releases or discards pages up to 490,
// besides the page source (the first of all 665); tests/bench/steps counts them.
//
// Shortcomings. Slots of different classes never share a span, so a program with few blocks of many
// classes pays up to a span a class. Blocks between half a span and a span take a whole one.
// Double frees of 4-byte blocks are caught only while the block is among the span's last 16 freed
// ones.
//
// A heap has no destructor: nobody may ask when the last block is gone. Where one goes away, as in
// a plugin that is unloaded, call trim() before, once nothing is live: what is acquired goes back.
// The nodes of a radix map do not (16 MiB of addresses by default), nor do the caches of a
// CachedHeap (1.4 MB each): better leave the plugin loaded (-z nodelete), as must be done where its
// threads or handlers may still call.
//
// All functions may be called by any number of threads if the lock is a real one, but only those
// named _nowait by interrupt or signal handlers that can interrupt a holder of the lock.
//
// What deallocate_nowait() was given is taken over, at most Options::deferred_batch blocks at a
// time, by calls that cannot be served by the current span's freed slots, by releases of whole
// pages or of a slot that makes a span empty or was its last, by allocate_nowait(), and by walk,
// check and trim. While some of it still waits, calls take no more pages than deferred_batch spans
// have: then an allocation first takes over all that waits, a batch for each turn of the lock, in
// as many steps as that takes. So, however calls are mixed, the pages in use exceed those that
// would be if no block waited by that constant at most, and by what handlers draw from the reserve
// (and a bin may carve its current span while freed slots of others wait). An allocation returns
// null only after all of it has been taken over.
#pragma once

#include "rsb/internal/full/guarded_heap.hpp"
#include "rsb/internal/guard_pages/guarded_large.hpp"
#include "rsb/internal/heap/heap_paths.hpp"

namespace rsb {

template <HeapConfig Config>
class Heap : protected HeapPaths<Config> {
  using Base = HeapPaths<Config>;

 public:
  using Base::checked, Base::options, Base::page;
  using typename Base::Classes, typename Base::Pages;

  static constexpr bool tells_makers = false;  // as with Checks::full: allocate_as()

  static_assert(PageAllocator<Config>::most_acquired == 0 ||  // but regions may be handed over
                    options.span_size <= PageAllocator<Config>::most_acquired,
                "Options::span_size is more than the page source ever gives (its most_bytes)");

  constexpr Heap() noexcept = default;
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // ---- Allocating ----

  // Null: there is no memory, or size exceeds PTRDIFF_MAX.

  // Aligned as malloc's: to a pointer, and to 16 from 16 bytes up; and to Options::least_alignment.
  // size may be 0.
  [[nodiscard, gnu::always_inline]] void* allocate(size_t size) noexcept {
    if (size > Classes::largest) [[unlikely]]
      return allocate_large(size, page, Fill::none);
    return Base::template allocate_slot<least_of_malloc>(Classes::of(size));
  }

  // Aligned to `alignment`, a power of two or 0; in the smallest slot that fits both. Null also if
  // alignment is no power of two.
  [[nodiscard]] void* allocate(size_t size, size_t alignment) noexcept {
    return allocate(size, alignment, Fill::none);
  }

  // Fill::zero: all of usable_size() bytes are zero, as for allocate_zeroed().
  [[nodiscard]] void* allocate(size_t size, size_t alignment, Fill fill) noexcept {
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    const SizeClass c = Classes::of(size, alignment);
    if (c == Classes::none) return allocate_large(size, alignment, fill);
    return filled(allocate_slot(c), Classes::layout(c).size, fill);
  }

  // malloc's alignment.
  [[nodiscard]] void* allocate_zeroed(size_t size) noexcept {
    if (size > Classes::largest) return allocate_large(size, page, Fill::zero);
    const SizeClass c = Classes::of(size);
    return filled(allocate_slot(c), Classes::layout(c).size, Fill::zero);
  }

  // ---- Releasing ----

  // Null does nothing. With Checks::basic, what is not the start of a live block is a fault.

  [[gnu::always_inline]] void deallocate(void* block) noexcept { deallocate_block(block); }

  // For blocks from allocate(size): also checks that the block is of size's class.
  void deallocate(void* block, size_t size) noexcept {
    deallocate_sized(block, size, size <= Classes::largest ? Classes::of(size) : Classes::none);
  }

  // For blocks from allocate(size, alignment).
  void deallocate(void* block, size_t size, size_t alignment) noexcept {
    deallocate_sized(block, size, Classes::of(size, alignment));
  }

  // As the sized deallocate() does before it releases: faults if a block of this heap is not of
  // this size's class. What is not in this heap may be another's.
  void expect_size(const void* block, size_t size) noexcept {
    expect_class(block, size, size <= Classes::largest ? Classes::of(size) : Classes::none);
  }
  void expect_size(const void* block, size_t size, size_t alignment) noexcept {
    expect_class(block, size, Classes::of(size, alignment));
  }

  // Whether that does not fault; for who is not sure that the address was handed out by this heap.
  bool may_have_size(const void* block, size_t size) const noexcept {
    return may_have_class(block, size,
                          size <= Classes::largest ? Classes::of(size) : Classes::none);
  }
  bool may_have_size(const void* block, size_t size, size_t alignment) const noexcept {
    return may_have_class(block, size, Classes::of(size, alignment));
  }

  // ---- Without waiting: for interrupt and signal handlers ----

  // As allocate(size, alignment), but never waits, never gives up the lock, calls neither page
  // source nor handler, and takes at most the steps of an allocation that needs a span, and of
  // Options::deferred_batch releases: those of the first blocks that deallocate_nowait() was given.
  // Null: the lock is taken, perhaps by whom the handler interrupted; or there is nothing in the
  // bin, the free pages and the reserve (Options::reserve_pages). The free pages are not for it
  // while more blocks wait than it takes over, and deferred_batch spans were taken meanwhile. Not
  // counted as a failure.
  [[nodiscard, gnu::noinline]] void* allocate_nowait(size_t size, size_t alignment) noexcept {
    static_assert(NowaitLock<typename Config::Lock>,
                  "allocate_nowait needs a Lock that has try_lock() or says that it never_waits");
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    if (!take_in_handler(pages_.lock_)) return nullptr;
    LockGuard guard(pages_.lock_, LockGuard::Already::held);
    // First, and not when there is nothing else: what handlers release they may need again at once,
    // and nobody else may call the heap.
    if (has_deferred()) Base::template take_over<Giving::at_once>(guard);
    return allocate_at_once(Classes::of(size, alignment), size, alignment);
  }

  // Malloc's alignment.
  [[nodiscard]] void* allocate_nowait(size_t size) noexcept {
    return allocate_nowait(size, Classes::alignment_of(size));
  }

  // Releases a block of any kind without the lock, in some 110 instructions (x86-64; see
  // deferred_frees.hpp for what bounds them): from any handler, also while what it interrupted
  // holds the lock, and from several cores at once; but of a lock that has a push_lock() it takes
  // that one. The block counts as live until another call has taken it over.
  //
  // What is seen to be no live block is a fault at once: the hook is then called in the handler,
  // perhaps with the lock held by what was interrupted, and must not jump out. What is seen only
  // later (a second release by other means, or one that happens at the same time) is a fault of the
  // call that takes the block over.
  [[gnu::noinline]] void deallocate_nowait(void* block) noexcept {
    static_assert(options.deferred_batch != 0,
                  "deallocate_nowait needs an Options::deferred_batch other than 0");
    if (block == nullptr) return;
    Span* const span = head_of_slot(find(block));
    const Kind kind = span->kind_without_lock();
    DeferredFrees::Region& region = pages_.map().region_of(block);
    const size_t offset = offset_in_span(span, block);
    const Room room = room_in(span);
    if constexpr (checked) {
      if (Span::is_span(kind) ? !span->is_in_use(block, offset) : !is_live_large(span, block)) {
        raise(Span::is_span(kind) ? fault_of_slot(span, block) : fault_of_run(span, block), block);
      }
      if constexpr (options.map == Map::flat && sizeof(void*) > 4) {
        if (!DeferredFrees::reaches(region, block)) raise(Fault::foreign_pointer, block);
      }
      if (room == Room::link_and_mark && deferred().is_pushed(region, block)) {
        raise(Fault::double_free, block);
      }
    }
    const PushGuard pushing(pages_.lock_);
    deferred().push(region, block, room, [&] {
      return checked && Span::is_span(kind) && span->looks_free(block, offset);
    });
  }

  // ---- Resizing ----

  // The block, perhaps elsewhere, with its contents up to the smaller size and malloc's alignment.
  // Null: there is no memory, and the old block is as it was. A block stays where it is while its
  // class stays the same; whole pages grow in place while the pages behind are free.
  [[nodiscard]] void* reallocate(void* block, size_t size) noexcept {
    if (block == nullptr) return allocate(size);
    const SizeClass c = size <= Classes::largest ? Classes::of(size) : Classes::none;
    return reallocate_to(block, size, Classes::alignment_of(size), c);
  }

  [[nodiscard]] void* reallocate(void* block, size_t size, size_t alignment) noexcept {
    if (block == nullptr) return allocate(size, alignment);
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    return reallocate_to(block, size, alignment, Classes::of(size, alignment));
  }

  // size_t usable_size(const void* block): bytes of a live block that may be used; 0 for null.
  using Base::usable_size;

  // Whether the address lies in memory of which the heap keeps account: if not, it is no block of
  // this heap. False for null.
  bool may_own(const void* p) const noexcept {
    return p != nullptr && pages_.map().find(p) != nullptr;  // null's page may lie in a node, too
  }

  // What the address points into, at its start or not. Constant time for slots, else linear in the
  // number of runs.
  [[gnu::cold]] BlockPlace place_of(const void* p) noexcept {
    Span* span = p != nullptr ? pages_.map().find(p) : nullptr;
    if (span == nullptr) return {};
    LockGuard guard(pages_.lock_);
    span = head_of(span);
    const Span* const run = span->is_span() ? span : run_with(p);
    if (run == nullptr) return {};
    BlockPlace place;
    place.run = run->base;
    place.run_bytes = pages_.runs_.length(run) * page;
    if (run->is_span()) {
      place.slot_bytes = run->slot_bytes();
      const size_t offset = bytes_from(run->base, p) / place.slot_bytes * place.slot_bytes;
      if (offset >= size_t{run->slots.fresh} * 4) return place;
      place.block = run->base + offset;
      place.bytes = place.slot_bytes;
      place.is_live = run->is_in_use(place.block, offset);
    } else if (run->kind == Kind::large || run->kind == Kind::free) {
      place.block = run->base;
      place.bytes = place.run_bytes;
      place.is_live = is_live_large(run, run->base);
    }
    return place;
  }

  // Whether the address lies in a slot that was handed out, or a large block, at least so many
  // bytes, less than a page, from its start; or is aligned to a power of two of pages, and lies so
  // far from the start of a large block. Without the lock. At most as many steps as an address has
  // bits. Of large blocks those that are guarded are none of these.
  bool reaches_back(const void* p, size_t bytes) noexcept {
    Span* span = p != nullptr ? pages_.map().find(p) : nullptr;
    if (span == nullptr) return false;
    span = head_of_slot(span);
    const char* const at = static_cast<const char*>(p);
    if (Span::is_span(span->kind_without_lock())) {
      const size_t offset = bytes_from(span->base, p);
      if (offset >= options.span_size) return false;
      if (offset >= bytes && span->may_be_in_use(at - bytes, offset - bytes)) [[likely]]
        return true;
      return offset % span->slot_bytes() >= bytes;
    }
    const size_t into = bytes_into(p, page);
    if (into != 0) return into >= bytes && is_large_block(at - into, Guarded::no);
    for (size_t front = page; is_aligned(p, front) && front <= address_of(p); front *= 2) {
      if (is_large_block(at - front, Guarded::no)) return true;
    }
    return false;
  }

  // Bytes of the slot, of 8 or more, that begins at the address and is in use to all appearances;
  // 0: that is not seen at a glance. Without the lock.
  [[gnu::always_inline]] size_t bytes_of_slot_at(const void* p) noexcept {
    Span* span = pages_.map().find_near(p);
    if (span == nullptr) return 0;
    span = head_of_slot(span);
    return span->may_be_in_use(p, bytes_from(span->base, p)) ? span->slot_bytes() : 0;
  }

  // Whether a large block begins there, guarded or not, so far as that is seen without the lock.
  enum class Guarded : uint8_t { no, yes };
  bool is_large_block(const void* p, Guarded guarded) noexcept {
    const Span* const span = p != nullptr ? pages_.map().find(p) : nullptr;
    return span != nullptr && is_live_large(span, p) &&
           load_relaxed(&span->owner) == static_cast<uint8_t>(guarded);
  }
  // Of a large block of the caller's. It must not be released while it is guarded.
  void set_guarded(const void* block, Guarded guarded) noexcept {
    store_relaxed(&run_of_live(block)->owner, static_cast<uint8_t>(guarded));
  }

  // Of a large block of the caller's. While it lives, its `next`, `open_pages` and `record_units`
  // are the caller's.
  Span* run_of_live(const void* block) noexcept { return pages_.map().find(block); }

  // What a release is of which place_of() knows no run; see there.
  using Base::fault_without_run;

  // usable_size() of what is surely a live block: neither looked at nor with the lock.
  size_t bytes_of_live(const void* block) noexcept {
    const Span* const span = head_of_slot(pages_.map().find(block));
    return Span::is_span(span->kind_without_lock()) ? span->slot_bytes()
                                                    : size_t{span->pages} * page;
  }

  // The live block that the address points into; null: none.
  [[gnu::cold]] void* block_with(const void* p) noexcept {
    const BlockPlace place = place_of(p);
    return place.is_live ? place.block : nullptr;
  }

  // ---- The rest ----

  // The page-only allocator below; its runs and the heap's blocks share pages, limits and lock.
  PageAllocator<Config>& pages() noexcept { return pages_; }

  typename Config::Lock& lock() noexcept { return pages_.lock(); }

  // Hands over memory until it is taken out again; see rsb_add_region(). A region in which there is
  // no room for a span is refused with 0: pages().add_region() takes it, for runs of pages.
  size_t add_region(void* base, size_t bytes) noexcept {
    LockGuard guard(pages_.lock_);
    const size_t added = pages_.add_region(guard, base, bytes, options.span_pages());
    if (Span* const region = pages_.region_at(base, bytes)) serve_spans_of(region);
    return added;
  }

  // Takes a region out again once nothing in it is in use; see rsb_remove_region().
  [[nodiscard, gnu::cold]] size_t remove_region(void* base, size_t bytes) noexcept {
    LockGuard guard(pages_.lock_);
    take_over_all(guard);  // what waits to be free would keep the region in use
    Span* const region = pages_.region_at(base, bytes);
    if (region == nullptr) return 0;
    pages_.runs_.stop_taking(region);
    pages_.refuse_damaged();
    const size_t region_bytes = pages_.runs_.length_of_all(region) * page;
    pages_.keep_no_reserve_in(region->base, region_bytes);
    withdraw_spans_of(guard, region->base, region_bytes);
    return pages_.remove_if_free(guard, region, base, bytes);
  }

  // Gives back all that is free to the page source: empty spans that bins keep, and free pages.
  // Returns the number of bytes. Linear in the number of bins, acquisitions and free runs.
  [[gnu::cold]] size_t trim() noexcept {
    LockGuard guard(pages_.lock_);
    // Some of it may go back as soon as it is free.
    const size_t before = pages_.given_back_;
    take_over_all(guard);
    while (reclaim_empty_span(guard)) {
    }
    pages_.trim(guard);
    return pages_.given_back_ - before;
  }

  // Null: none. Returns the previous one.
  OutOfMemoryHandler set_out_of_memory_handler(OutOfMemoryHandler handler) noexcept {
    LockGuard guard(pages_.lock_);  // not by an exchange, which not every processor has
    OutOfMemoryHandler const previous = out_of_memory_;
    store_release(&out_of_memory_, handler);
    return previous;
  }

  // Makes link tags unpredictable: call it early with something random, unless the configuration
  // KnowsRandom. Without, they depend on where the memory lies, which address randomisation makes
  // hard to guess.
  void seed(uint32_t random) noexcept {
    LockGuard guard(pages_.lock_);
    secret_ ^= random;
  }

 protected:
  template <HeapConfig>
  friend class HeapInspector;

  using Base::allocate_at_once, Base::allocate_large, Base::allocate_slot, Base::broken_invariant,
      Base::deallocate_block, Base::deallocate_sized, Base::deferred, Base::expect_class,
      Base::fault_of_run, Base::fault_of_slot, Base::filled, Base::find, Base::has_deferred,
      Base::head_of, Base::head_of_slot, Base::is_live_large, Base::may_have_class,
      Base::offset_in_span, Base::reallocate_to, Base::reclaim_empty_span, Base::room_in,
      Base::run_with, Base::refuse_descriptor, Base::serve_spans_of, Base::take_first,
      Base::take_over, Base::take_over_all, Base::verifies, Base::verify, Base::verify_shape,
      Base::withdraw_spans_of;
  using Base::least_of_malloc, Base::spans_have_tails;
  using Base::out_of_memory_, Base::pages_, Base::secret_;
  using typename Base::Giving, typename Base::LockGuard, typename Base::Room;
};

// With Checks::full.
template <HeapConfig Config>
requires FullyChecked<Config>
class Heap<Config> : public GuardedHeap<Heap<UnderGuards<Config>>, Config> {
};

}  // namespace rsb
