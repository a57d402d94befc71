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
// 250 (x86-64, Checks::basic), and a call that acquires, releases or discards pages up to 487,
// besides the page source (the first of all 654); tests/bench/steps counts them.
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

#include "rsb/internal/bins/bins.hpp"
#include "rsb/internal/blocks/request.hpp"
#include "rsb/internal/full/guarded_heap.hpp"
#include "rsb/page_allocator.hpp"

namespace rsb {

template <HeapConfig Config>
class Heap {
 public:
  static constexpr Options options = Config::options;
  static constexpr size_t page = options.page_size;
  static constexpr bool checked = options.checks != Checks::off;
  static constexpr bool tells_makers = false;  // as with Checks::full: allocate_as()

  using Classes = SizeClasses<options>;
  using Pages = typename Config::Pages;

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
    return allocate_slot<least_of_malloc>(Classes::of(size));
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
    if (has_deferred()) take_over<Giving::at_once>(guard);
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
    Span* span = find(block);
    if constexpr (spans_have_tails) {
      if (span->kind_without_lock() == Kind::tail) span = span->next;
    }
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
    const PushGuard pushing(pages_.lock());
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

  // Bytes of a live block that may be used; 0 for null.
  size_t usable_size(const void* block) noexcept {
    if (block == nullptr) return 0;
    Span* span = find(block);
    LockGuard guard(pages_.lock_);
    span = head_of(span);
    refuse_unless_live(span, block);
    return bytes_of_block(span);
  }

  // Whether the address lies in memory of which the heap keeps account: if not, it is no block of
  // this heap. False for null.
  bool may_own(const void* p) const noexcept {
    return p != nullptr && pages_.map().find(p) != nullptr;  // null's page may lie in a node, too
  }

  // The live block that the address points into, at its start or not; null: none. Constant time for
  // slots, else linear in the number of runs.
  [[gnu::cold]] void* block_with(const void* p) noexcept {
    Span* span = pages_.map().find(p);
    if (p == nullptr || span == nullptr) return nullptr;
    LockGuard guard(pages_.lock_);
    span = head_of(span);
    if (span->is_span()) {
      const size_t offset = bytes_from(span->base, p) / span->slot_bytes() * span->slot_bytes();
      char* const slot = span->base + offset;
      return span->is_in_use(slot, offset) ? slot : nullptr;
    }
    const Span* const run = run_with(p);
    return run != nullptr && is_live_large(run, run->base) ? run->base : nullptr;
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

  // Makes link tags unpredictable: call it early with something random. Without, they
  // depend on where the memory lies, which address randomisation makes hard to guess.
  void seed(uint32_t random) noexcept {
    LockGuard guard(pages_.lock_);
    secret_ ^= random;
  }

 private:
  template <HeapConfig>
  friend class HeapInspector;
  template <HeapConfig>
  friend class CachedHeap;

  using Runs = PageRuns<options>;
  using LockGuard = typename PageAllocator<Config>::LockGuard;
  using LockHeld = Held<typename Config::Lock>;

  static constexpr bool spans_have_tails = options.span_pages() > 1;
  static constexpr bool spans_may_be_owned = requires { typename Config::Seats; };

  // Pages of the longest run that caches keep; 0: they keep none.
  static constexpr size_t longest_cached_run = [] {
    if constexpr (requires { Config::caches; }) {
      return rounded_down_run(Config::caches.run_bytes / page);
    }
    return size_t{0};
  }();

  // Where pointers have 4 bytes, so have the least blocks of malloc().
  static constexpr Span::Least least_of_malloc = Classes::layout(Classes::of(0)).units == 1
                                                     ? Span::Least::four_bytes
                                                     : Span::Least::eight_bytes;

  // ---- Slots ----

  // The fast path of every small allocation: a slot that was freed, of the current span. What it
  // cannot do at once it leaves, as its last step and with the lock held, to a slow path, so that
  // it needs no stack frame.
  template <Span::Least least = Span::Least::four_bytes>
  [[gnu::always_inline]] void* allocate_slot(size_t c) noexcept {
    if (take_if_free(pages_.lock_)) [[likely]] {
      LockHeld held(pages_.lock_);
      Span* const span = bins_.current_or_none(c);
      if (span->has_free()) [[likely]]
        return pop<least>(span);
      held.hand_over();
      return allocate_fresh_locked(c, span);
    }
    return allocate_slot_waiting(c);
  }

  template <Span::Least least = Span::Least::four_bytes>
  void* pop(Span* span) noexcept {
    void* const slot = span->template pop<options.checks, least>();
    if (slot == nullptr) [[unlikely]]
      refuse_link(span);
    return slot;
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_link(const Span* span) noexcept {
    pages_.fail(Fault::overwritten_link, span->slot(span->slots.first_free));
  }

  // With the lock held, which it gives up: a slot of the current span that was never handed out.
  [[gnu::noinline]] void* allocate_fresh_locked(size_t c, Span* span) noexcept {
    LockHeld held(pages_.lock_);
    if (span->has_fresh() && !has_deferred()) [[likely]]
      return span->template carve<options.checks>();
    held.hand_over();
    return allocate_slot_locked(c);
  }

  [[gnu::noinline]] void* allocate_slot_waiting(size_t c) noexcept {
    pages_.lock_.lock();
    return allocate_slot_locked(c);
  }

  // With the lock held, which it gives up: gets the bin another span if the current one is
  // exhausted.
  [[gnu::noinline]] void* allocate_slot_locked(size_t c, Insist insist = Insist::yes) noexcept {
    LockGuard guard(pages_.lock_, LockGuard::Already::held);
    const bool some_waited = has_deferred();
    if (some_waited) [[unlikely]]
      take_over(guard);
    for (;;) {
      if (void* const slot = allocate_in_bin(c)) return slot;
      if (some_waited && note_ahead(options.span_pages())) [[unlikely]] {
        take_over_backlog(guard);
        continue;
      }
      Span* const run = by_all_means(
          guard, options.span_size, insist,
          [&] { return pages_.take(guard, options.span_pages(), texture_of(c)); },
          [&] { return bins_.has_any(c); });
      if (run == nullptr) {
        if (!bins_.has_any(c)) return nullptr;
        continue;
      }
      make_span(run, static_cast<SizeClass>(c));
      if (bins_.has_current(c)) {
        release_span(guard, run);  // the lock was given up, and another thread was faster
        continue;
      }
      bins_.set_current(run);
      void* const slot = run->template carve<options.checks>();
      pages_.top_up(guard);
      return slot;
    }
  }

  // From the spans that the bin has. Null: there is no free slot in them, and none is current.
  [[gnu::always_inline]] void* allocate_in_bin(size_t c) noexcept {
    for (;;) {
      Span* span = bins_.current_or_none(c);
      if (span->has_free()) return pop(span);
      if (span->has_fresh()) return span->template carve<options.checks>();
      if (bins_.has_current(c)) bins_.drop_current(c)->become_full();
      span = bins_.take_first(c);
      if (span == nullptr) return nullptr;
      bins_.set_current(span);
    }
  }

  // ---- Many slots of one class at once: for caches ----

  // Slots on their way to caches, in them and from them are marked, see Span.
  static void mark_as_cached(const Span* span, void* slot) noexcept {
    if constexpr (checked) span->mark_as_cached(slot, offset_in_span(span, slot));
  }

  // Up to `most` slots into slots[], of what can be had without giving up the lock; returns how
  // many.
  [[gnu::noinline]] size_t allocate_slots(SizeClass c, void** slots, size_t most) noexcept {
    LockGuard guard(pages_.lock_);
    if (has_deferred()) [[unlikely]]
      take_over(guard);
    size_t count = 0;
    while (count < most) {
      Span* const span = bins_.current(c);
      if (span == nullptr || !span->has_slot()) {
        if (!advance(c)) break;
        continue;
      }
      const size_t taken = span->template take<options.checks>(slots + count, most - count);
      if (taken == 0) [[unlikely]]
        break;  // overwritten: a fault of who asks for this slot alone
      count += taken;
    }
    pages_.top_up(guard);
    return count;
  }

  // Whole spans pass between the heap and caches, too: Kind::owned, one behind the other by `next`.
  // On their way nothing of them changes but under the lock: others may be looking at the heap.

  [[gnu::noinline]] void take_back_spans(Span* given) noexcept {
    LockGuard guard(pages_.lock_);
    take_back(guard, given);
  }

  // The same; and a span of class c for a cache to own, of the bin or a new one; with up to `count`
  // of its slots, how many then. Null: none can be had without giving up the lock.
  [[gnu::noinline]] Span* exchange_spans(Span* given, SizeClass c, void** slots,
                                         size_t& count) noexcept {
    LockGuard guard(pages_.lock_);
    take_back(guard, given);
    if (has_deferred()) [[unlikely]]
      take_over(guard);
    Span* const taken = span_to_own(c);
    count = taken != nullptr ? taken->template take<options.checks>(slots, count) : 0;
    pages_.top_up(guard);
    return taken;
  }

  void take_back(LockGuard& guard, Span* spans) noexcept {
    for (Span* next; spans != nullptr; spans = next) {
      next = spans->next;
      take_back_one(guard, spans);
    }
  }

  void take_back_one(LockGuard& guard, Span* span) noexcept {
    span->template take_returned<options.checks>();
    if (span->is_last_use()) return release_span(guard, span);
    span->uses--;
    if (span->has_slot() && !Runs::is_leaving(span)) return bins_.append(span);
    span->become_full();
  }

  Span* span_to_own(SizeClass c) noexcept {
    Span* span = nullptr;
    if (bins_.has_current(c)) {
      span = bins_.drop_current(c);
      if (!span->has_slot()) {
        span->become_full();
        span = nullptr;
      }
    }
    if (span == nullptr) span = bins_.take_first(c);
    if (span == nullptr) span = new_span(c);
    if (span != nullptr) span->become_owned();
    return span;
  }

  // Of pages that are to be had at once; null: there are none.
  Span* new_span(SizeClass c) noexcept {
    if (runs_ahead(options.span_pages())) return nullptr;
    Span* const span = pages_.runs_.take(options.span_pages());
    if (span != nullptr) make_span(span, c);
    return span;
  }

  // Gives the bin another span, whose current one has no slot. False: there is none at once.
  bool advance(SizeClass c) noexcept {
    if (bins_.has_current(c)) bins_.drop_current(c)->become_full();
    Span* span = bins_.take_first(c);
    if (span == nullptr) span = new_span(c);
    if (span == nullptr) return false;
    bins_.set_current(span);
    return true;
  }

  // Spans that were full until a slot of theirs came back, on their way to the cache that it comes
  // from; at most `room` more.
  struct Adopted {
    size_t room = 0;
    Span* spans = nullptr;
  };

  // Releases slots of any classes, one after the other; returns how many, which is fewer than
  // `count` if the next one is not marked as it was, or has come back already.
  [[gnu::noinline]] size_t deallocate_slots(void* const* slots, size_t count,
                                            Adopted& adopted) noexcept {
    // So that nobody waits for the lock while this one waits for memory.
    for (size_t i = 0; i < count; i++) {
      __builtin_prefetch(slots[i], 1);
      __builtin_prefetch(pages_.map().find(slots[i]), 1);
    }
    LockGuard guard(pages_.lock_);
    for (size_t i = 0; i < count; i++) {
      Span* const span = head_of(pages_.map().find(slots[i]));
      if constexpr (checked) {
        if (!span->is_span() || !span->may_leave_cache(slots[i], offset_in_span(span, slots[i]))) {
          return i;
        }
      }
      if (spans_may_be_owned && adopted.room != 0) adopt(span, adopted);
      deallocate_slot(guard, span, slots[i]);
    }
    for (Span* span = adopted.spans; span != nullptr; span = span->next) {
      span->template take_returned<options.checks>();
    }
    return count;
  }

  // What deallocate_nowait() was given: as the last step of who calls these, since there may be a
  // fault in it, whose hook jumps out.
  void take_over_some() noexcept {
    if (!has_deferred()) [[likely]]
      return;
    LockGuard guard(pages_.lock_);
    take_over(guard);
  }

  // Spans of few slots are soon empty: no gain.
  static void adopt(Span* span, Adopted& adopted) noexcept {
    constexpr unsigned least_slots = 4;
    if (span->kind != Kind::full || span->slot_units == 1 || Runs::is_leaving(span)) return;
    if (span->slot_units * least_slots > span->end) return;
    span->become_owned();
    span->next = adopted.spans;
    adopted.spans = span;
    adopted.room--;
  }

  // Of a slot of more than a quarter of its span whole system pages may stay untouched, and often
  // all but the first do.
  static auto texture_of(size_t c) noexcept {
    using Texture = typename PageAllocator<Config>::Texture;
    constexpr SizeClass last_dense = Classes::of(smaller(options.span_size / 4, Classes::largest));
    return c > last_dense ? Texture::sparse : Texture::dense;
  }

  void make_span(Span* span, SizeClass c) noexcept {
    // A linear congruential generator, stirred with where the memory lies; its high bits are good.
    secret_ = secret_ * 0x2c9277b5u + integer_cast<uint32_t>(address_of(span->base) >> 8) + 1;
    span->become_span(c, Classes::layout(c), secret_ << 16 | secret_ >> 16);
    if constexpr (spans_have_tails) set_tails(span, Kind::tail);
  }

  // Whether pages that become free may go back to the source, for which the lock is given up.
  enum class Giving : uint8_t { as_usual, at_once };

  template <Giving giving>
  void give_pages(LockGuard& guard, Span* run, size_t dirty) noexcept {
    if constexpr (giving == Giving::as_usual) {
      pages_.give(guard, run, dirty);
    } else {
      pages_.runs_.give(run, dirty);
    }
  }

  template <Giving giving = Giving::as_usual>
  void release_span(LockGuard& guard, Span* span) noexcept {
    size_t touched = 1;
    if constexpr (spans_have_tails) {
      set_tails(span, Kind::none);
      touched = (size_t{span->slots.fresh} * 4 + page - 1) / page;
    }
    span->become_run(options.span_pages());
    give_pages<giving>(guard, span, touched);
  }

  void set_tails(Span* span, Kind kind) noexcept {
    for (size_t i = 1; i < options.span_pages(); i++) {
      Span* const tail = pages_.map().find(span->base + i * page);
      tail->kind = kind;
      tail->size_class = span->size_class;
      tail->next = span;
    }
  }

  // ---- Freeing ----

  // No lock needed, and the block is not touched.
  Span* find(const void* block) noexcept {
    Span* const span = pages_.map().find(block);
    if (span == nullptr) [[unlikely]]
      raise(Fault::foreign_pointer, block);
    return span;
  }

  Span* head_of(Span* span) const noexcept {
    if constexpr (spans_have_tails) {
      if (span->kind == Kind::tail) return span->next;
    }
    return span;
  }

  // Not block - span->base where that can be helped: the difference would have to wait for the
  // descriptor, and the next allocation for the difference.
  static size_t offset_in_span(const Span* span, const void* block) noexcept {
    if constexpr (spans_have_tails) {
      return bytes_from(span->base, block);
    } else {
      return bytes_into(block, page);
    }
  }

  // The fast path of every free: a slot of a span that stays where it is. All else, and all that
  // looks like a fault, it leaves to a slow path, as its last step and with the lock held: so it
  // needs no stack frame.
  [[gnu::always_inline]] void deallocate_block(void* block) noexcept {
    if (Span* const span = pages_.map().find_near(block)) [[likely]]
      return deallocate_in(span, block);
    deallocate_far(block, *this);
  }

  // These slow paths have the block as their first argument, as free() does: so it stays in its
  // register.

  [[gnu::noinline]] static void deallocate_far(void* block, Heap& heap) noexcept {
    Span* const span = heap.pages_.map().find(block);
    if (span != nullptr) return heap.deallocate_in(span, block);
    deallocate_slowly(block, heap);
  }

  [[gnu::always_inline]] void deallocate_in(Span* span, void* block) noexcept {
    if (take_if_free(pages_.lock_)) [[likely]] {
      LockHeld held(pages_.lock_);
      span = head_of(span);
      const size_t offset = offset_in_span(span, block);
      if (spans_may_be_owned && span->kind == Kind::owned) {
        held.hand_over();
        return deallocate_locked(block, span, *this);
      }
      const Span::Quick pushed = span->template push_quickly<options.checks>(block, offset);
      if (pushed == Span::Quick::done) [[likely]]
        return;
      held.hand_over();
      if (pushed == Span::Quick::last_use) return release_last_locked(span, *this);
      return deallocate_locked(block, span, *this);
    }
    deallocate_slowly(block, *this);
  }

  [[gnu::noinline]] static void deallocate_slowly(void* block, Heap& heap) noexcept {
    if (block == nullptr) return;
    Span* const span = heap.find(block);
    heap.pages_.lock_.lock();
    deallocate_locked(block, heap.head_of(span), heap);
  }

  // After Quick::last_use, with the lock held, which it gives up.
  [[gnu::noinline]] static void release_last_locked(Span* span, Heap& heap) noexcept {
    LockGuard guard(heap.pages_.lock_, LockGuard::Already::held);
    heap.release_last(guard, span);
    if (heap.has_deferred()) [[unlikely]]
      heap.take_over(guard);
  }

  // With the lock held, which it gives up: a block of any kind, or null (see find_near()).
  [[gnu::noinline]] static void deallocate_locked(void* block, Span* span, Heap& heap) noexcept {
    LockGuard guard(heap.pages_.lock_, LockGuard::Already::held);
    if (block != nullptr) heap.deallocate_any(guard, span, block);
    if (heap.has_deferred()) [[unlikely]]
      heap.take_over(guard);
  }

  void deallocate_any(LockGuard& guard, Span* span, void* block) noexcept {
    const bool is_slot = checked && span->may_be_in_use(block, offset_in_span(span, block));
    if (!is_slot) refuse_unless_live(span, block);
    if (is_slot || span->is_span()) {
      deallocate_slot(guard, span, block);
    } else {
      claim(span, block);
      pages_.give(guard, span, span->pages);
    }
  }

  // A large block is the caller's alone from now on: it is being released.
  void claim(Span* span, const void* block) noexcept {
    if constexpr (longest_cached_run != 0) {
      if (!span->become_cached() && checked) pages_.fail(Fault::double_free, block);
    }
  }

  // A span whose last slot comes back.
  template <Giving giving = Giving::as_usual>
  void release_last(LockGuard& guard, Span* span) noexcept {
    if (span->kind == Kind::span) bins_.remove(span);
    release_span<giving>(guard, span);
  }

  template <Giving giving = Giving::as_usual>
  void deallocate_slot(LockGuard& guard, Span* span, void* block) noexcept {
    if (spans_may_be_owned && span->kind == Kind::owned) {
      span->template push_returned<options.checks>(block, offset_in_span(span, block));
    } else if (span->is_last_use()) {
      release_last<giving>(guard, span);
    } else {
      span->template push<options.checks>(block, offset_in_span(span, block));
      if (span->kind == Kind::full && !Runs::is_leaving(span)) bins_.append(span);
    }
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_slot(const Span* span,
                                                          const void* block) noexcept {
    pages_.fail(fault_of_slot(span, block), block);
  }

  [[gnu::cold, gnu::noinline]] static Fault fault_of_slot(const Span* span,
                                                          const void* block) noexcept {
    const size_t offset = bytes_from(span->base, block);
    const bool inside = offset < size_t{span->end} * 4;
    const bool at_slot = offset % span->slot_bytes() == 0;
    Fault fault = Fault::double_free;
    if (!inside || (at_slot && offset >= size_t{span->slots.fresh} * 4)) {
      fault = Fault::foreign_pointer;
    } else if (offset % 4 != 0) {
      fault = Fault::misaligned_pointer;
    } else if (!at_slot) {
      fault = Fault::interior_pointer;
    }
    return fault;
  }

  // Asked without the lock, too.
  static bool is_live_large(const Span* span, const void* block) noexcept {
    return span->kind_without_lock() == Kind::large && span->base == block && !is_cached(span);
  }
  // Of Kind::large.
  static bool is_cached(const Span* span) noexcept {
    if constexpr (longest_cached_run == 0) return false;
    return span->is_cached();
  }

  // Faults if `block` is not the start of a live block.
  void refuse_unless_live(Span* span, const void* block) noexcept {
    if constexpr (!checked) return;
    if (is_live_large(span, block)) return;
    if (span->is_span()) {
      if (span->is_in_use(block, offset_in_span(span, block))) return;
      refuse_slot(span, block);
    }
    refuse_run(span, block);
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_run(const Span* span,
                                                         const void* block) noexcept {
    Fault fault = fault_of_run(span, block);
    if (fault == Fault::foreign_pointer && lies_in_large(block)) fault = Fault::interior_pointer;
    pages_.fail(fault, block);
  }

  [[gnu::cold, gnu::noinline]] static Fault fault_of_run(const Span* span,
                                                         const void* block) noexcept {
    Fault fault = Fault::foreign_pointer;
    if (!is_aligned(block, 4)) {
      fault = Fault::misaligned_pointer;
    } else if (span->kind == Kind::large) {
      fault = is_cached(span) ? Fault::double_free : Fault::interior_pointer;
    } else if (span->kind == Kind::free || span->kind == Kind::free_last) {
      fault = Fault::double_free;
    }
    return fault;
  }

  // ---- What was released without waiting ----

  using Room = DeferredFrees::Room;

  static constexpr size_t most_pages_ahead = options.deferred_batch * options.span_pages();

  DeferredFrees& deferred() noexcept { return pages_.map().deferred(); }

  bool has_deferred() const noexcept {
    if constexpr (options.deferred_batch == 0) return false;
    return pages_.map().deferred().any();
  }

  void* pop_deferred() noexcept {
    const PushGuard pushing(pages_.lock());
    return deferred().pop();
  }

  static Room room_in(const Span* span) noexcept {
    const bool is_least = span->size_class != Classes::none && span->slot_units == 1;
    return is_least ? Room::link : Room::link_and_mark;
  }

  // Some of it; returns how many blocks. The lock may be given up in between, unless `at_once`.
  template <Giving giving = Giving::as_usual>
  [[gnu::noinline, gnu::cold]] unsigned take_over(LockGuard& guard) noexcept {
    unsigned blocks = 0;
    for (; blocks < options.deferred_batch; blocks++) {
      void* const block = pop_deferred();
      if (block == nullptr) break;
      Span* span = pages_.map().find(block);
      if (span == nullptr) [[unlikely]]
        pages_.fail(Fault::foreign_pointer, block);
      span = head_of(span);
      refuse_unless_live(span, block);
      if (!deferred().follow(block, room_in(span))) [[unlikely]]
        pages_.fail(Fault::overwritten_link, block);
      // Or the next block that begins there looks released to deallocate_nowait().
      if (room_in(span) == Room::link_and_mark) __builtin_memset(block, 0, 8);
      if (span->is_span()) {
        deallocate_slot<giving>(guard, span, block);
      } else {
        claim(span, block);
        give_pages<giving>(guard, span, span->pages);
      }
    }
    if (deferred().count() == 0) pages_ahead_ = 0;
    return blocks;
  }

  // Asked before pages are taken. True: with them it would be too many, while blocks wait to be
  // taken over.
  bool runs_ahead(size_t pages) noexcept {
    if (!has_deferred()) [[likely]]
      return false;
    return note_ahead(pages);
  }

  [[gnu::noinline, gnu::cold]] bool note_ahead(size_t pages) noexcept {
    if (deferred().count() == 0) return false;
    if (pages > most_pages_ahead - pages_ahead_) return true;
    pages_ahead_ += pages;
    return false;
  }

  // As many blocks as wait now, whoever releases others meanwhile. The lock is given up between
  // batches.
  [[gnu::noinline, gnu::cold]] void take_over_backlog(LockGuard& guard) noexcept {
    for (size_t waiting = deferred().count(); waiting != 0 && has_deferred();) {
      waiting -= smaller(waiting, take_over(guard));
      Unlocked unlocked(guard);
    }
    pages_ahead_ = 0;
  }

  // The lock is given up between batches, so that nobody waits for more than one.
  [[gnu::noinline, gnu::cold]] bool take_over_all(LockGuard& guard) noexcept {
    bool any = false;
    while (has_deferred()) {
      if (take_over(guard) != 0) any = true;
      Unlocked unlocked(guard);
    }
    return any;
  }

  // Without giving up the lock.
  void* allocate_at_once(SizeClass c, size_t size, size_t alignment) noexcept {
    if (c == Classes::none) {
      if (size > max_object_bytes) return nullptr;
      Span* const run = take_at_once(pages_for(size), larger(alignment, page));
      if (run == nullptr) return nullptr;
      become_large(run);
      return run->base;
    }
    if (void* const slot = allocate_in_bin(c)) return slot;
    Span* const run = take_at_once(options.span_pages(), page);
    if (run == nullptr) return nullptr;
    make_span(run, c);
    bins_.set_current(run);
    return run->template carve<options.checks>();
  }

  Span* take_at_once(size_t pages, size_t alignment) noexcept {
    if (runs_ahead(pages)) [[unlikely]]
      return pages_.take_from_reserve(pages, alignment);
    return pages_.take_at_once(pages, alignment);
  }

  // The run of pages that the address lies in; null: none. Looks through all of them.
  [[gnu::cold]] const Span* run_with(const void* p) const noexcept {
    const PageRuns<options>& runs = pages_.runs_;
    for (const Span* a = runs.acquisitions(); a != nullptr; a = a->next_acquisition) {
      for (const Span* run = a; run != nullptr; run = runs.next_run(run)) {
        if (bytes_from(run->base, p) < runs.length(run) * page) return run;
      }
    }
    return nullptr;
  }

  // Only for a good name of a fault.
  bool lies_in_large(const void* block) const noexcept {
    const Span* const run = run_with(block);
    return run != nullptr && run->kind == Kind::large;
  }

  void deallocate_sized(void* block, size_t size, SizeClass c) noexcept {
    expect_class(block, size, c);
    deallocate_block(block);
  }

  // The class of a live block does not change, so it is looked at without the lock.
  [[gnu::always_inline]] void expect_class(const void* block, size_t size, SizeClass c) noexcept {
    if constexpr (checked) {
      const Span* const span = pages_.map().find(block);
      if (span != nullptr && !has_size(span, size, c)) [[unlikely]]
        refuse_size(block, size);
    }
  }

  bool has_size(const Span* span, size_t size, SizeClass c) const noexcept {
    return span->size_class == c && (c != Classes::none || has_length(span, pages_for(size)));
  }
  // Or one that a cache would give for it.
  static bool has_length(const Span* span, size_t pages) noexcept {
    if (span->pages == pages) return true;
    if (pages > span->pages || span->pages > longest_cached_run) return false;
    return run_length_class(rounded_run(pages)) == run_length_class(span->pages);
  }

  // A pointer that is wrong in itself is named so; else it is the size.
  [[gnu::cold, gnu::noinline]] void refuse_size(const void* block, size_t size) noexcept {
    if (block == nullptr) return;
    if (size <= usable_size(block) && load_relaxed(&shrunk_in_place_)) return;
    raise(Fault::size_mismatch, block);
  }

  // ---- Whole pages ----

  // Of any size: one page for no bytes.
  static size_t pages_for(size_t size) noexcept { return (larger(size, 1) - 1) / page + 1; }

  [[gnu::noinline]] void* allocate_large(size_t size, size_t alignment, Fill fill,
                                         Insist insist = Insist::yes) noexcept {
    char* base = nullptr;
    bool zero = false;
    {
      LockGuard guard(pages_.lock_);
      if (has_deferred()) [[unlikely]]
        take_over(guard);
      if (Span* const run = take_large(guard, size, larger(alignment, page), insist)) {
        base = run->base;
        zero = ZeroingSource<Pages> && run->dirty == 0 && !PageRuns<options>::is_given(run);
        pages_.top_up(guard);
      }
    }
    return filled(base, zero ? 0 : pages_for(size) * page, fill);
  }

  Span* take_large(LockGuard& guard, size_t size, size_t alignment, Insist insist) noexcept {
    Span* run = nullptr;
    if (size <= max_object_bytes) {
      if (runs_ahead(pages_for(size))) [[unlikely]]
        take_over_backlog(guard);
      run = by_all_means(
          guard, size, insist, [&] { return pages_.take(guard, pages_for(size), alignment); },
          [] { return false; });
    } else {
      pages_.give_up(guard);
    }
    if (run != nullptr) become_large(run);
    return run;
  }

  static void become_large(Span* run) noexcept {
    if constexpr (longest_cached_run != 0) run->become_live();
    become_cached_large(run);
  }
  // As runs are that come from the heap: not live.
  static void become_cached_large(Span* run) noexcept {
    run->set_kind(Kind::large);
    run->size_class = Classes::none;
  }

  // ---- Runs on their way to caches and back: one behind the other by `next`, see Span::is_cached

  // Up to `most`, of those that are to be had without giving up the lock; null: none.
  [[gnu::noinline]] Span* take_runs(size_t pages, size_t most) noexcept {
    LockGuard guard(pages_.lock_);
    if (has_deferred()) [[unlikely]]
      take_over(guard);
    Span* taken = nullptr;
    for (; most != 0 && !runs_ahead(pages); most--) {
      Span* const run = pages_.runs_.take(pages);
      if (run == nullptr) break;
      become_cached_large(run);
      if (!ZeroingSource<Pages> || PageRuns<options>::is_given(run)) run->dirty = run->pages;
      run->next = taken;
      taken = run;
    }
    pages_.top_up(guard);
    return taken;
  }

  [[gnu::noinline]] void take_back_runs(Span* given) noexcept {
    LockGuard guard(pages_.lock_);
    for (Span* next; given != nullptr; given = next) {
      next = given->next;
      pages_.give(guard, given, given->dirty);
    }
  }

  static void* filled(void* block, size_t bytes, Fill fill) noexcept {
    if (fill == Fill::zero && block != nullptr) __builtin_memset(block, 0, bytes);
    return block;
  }

  // A run of pages for a request of `bytes`. Null: there is none; or it is not needed any more,
  // since something else has been freed.
  template <class Take, class Met>
  Span* by_all_means(LockGuard& guard, size_t bytes, Insist insist, Take take,
                     Met is_met) noexcept {
    for (;;) {
      if (Span* const run = take()) [[likely]]
        return run;
      if (!may_try_again(guard, bytes, insist) || is_met()) return nullptr;
    }
  }

  [[gnu::cold, gnu::noinline]] bool may_try_again(LockGuard& guard, size_t bytes,
                                                  Insist insist) noexcept {
    if constexpr (options.deferred_batch != 0) {
      deferred().look_again();
      if (take_over_all(guard)) return true;
    }
    // A span that is free is enough for another bin: no need to count them.
    if (bytes <= options.span_size || pages_.may_have(guard, bytes, free_bytes())) {
      if (reclaim_empty_span(guard)) return true;
      if (pages_.runs_.free_pages() != 0 && pages_.trim(guard) != 0) return true;
    }
    if (insist == Insist::no) return false;
    {
      Unlocked unlocked(guard);
      if (ask_handler(bytes)) return true;
    }
    pages_.give_up(guard);
    return false;
  }

  // What can be given up without asking anybody.
  [[gnu::cold]] size_t free_bytes() const noexcept {
    size_t bytes = pages_.runs_.free_pages() * page;
    for (SizeClass c = 0; c < Classes::count; c++) {
      const Span* const span = bins_.current(c);
      if (span != nullptr && span->is_last_use()) bytes += options.span_size;
    }
    return bytes;
  }

  // Without the lock. True: the user's handler says that it has released something.
  [[gnu::cold]] bool ask_handler(size_t bytes) noexcept {
    OutOfMemoryHandler const handler = load_acquire(&out_of_memory_);
    return handler != nullptr && handler(bytes) != 0;
  }

  // The current span of a bin is kept even when it is empty. True: one was given up, and then the
  // lock, so that nobody waits for more than one.
  [[gnu::cold]] bool reclaim_empty_span(LockGuard& guard) noexcept {
    for (SizeClass c = 0; c < Classes::count; c++) {
      Span* const span = bins_.current(c);
      if (span == nullptr || !span->is_last_use()) continue;
      release_span(guard, bins_.drop_current(c));
      Unlocked unlocked(guard);
      return true;
    }
    return false;
  }

  // ---- Regions ----

  // Of a region that is being taken out no span is in a bin: all of them are Kind::full. Linear in
  // the number of spans with free slots.
  [[gnu::cold]] void withdraw_spans_of(LockGuard& guard, const char* base, size_t bytes) noexcept {
    for (SizeClass c = 0; c < Classes::count; c++) {
      for (Span *span = bins_.first(c), *next; span != nullptr; span = next) {
        next = span->next;
        if (bytes_from(base, span->base) >= bytes) continue;
        bins_.remove(span);
        span->become_full();
      }
      Span* const span = bins_.current(c);
      if (span == nullptr || bytes_from(base, span->base) >= bytes) continue;
      bins_.drop_current(c)->become_full();
      if (span->live() == 0) release_span(guard, span);
    }
  }

  // The reverse, in case the region stays. Linear in its runs.
  [[gnu::cold]] void serve_spans_of(Span* region) noexcept {
    for (Span* run = region; run != nullptr; run = pages_.runs_.next_run(run)) {
      if (run->kind == Kind::full && run->has_slot()) bins_.append(run);
    }
  }

  // ---- Resizing ----

  size_t bytes_of_block(const Span* span) const noexcept {
    return span->kind == Kind::large ? size_t{span->pages} * page : span->slot_bytes();
  }

  // c == none: `size` takes whole pages.
  [[gnu::noinline]] void* reallocate_to(void* block, size_t size, size_t alignment, SizeClass c,
                                        Insist insist = Insist::yes) noexcept {
    Span* span = find(block);
    size_t old_bytes;
    {
      LockGuard guard(pages_.lock_);
      span = head_of(span);
      refuse_unless_live(span, block);
      old_bytes = bytes_of_block(span);
      const bool was_large = span->kind == Kind::large;
      if (!was_large && span->size_class == c) return block;
      if (was_large && c == Classes::none && size <= max_object_bytes &&
          is_aligned(block, larger(alignment, 1)) && resize(guard, span, pages_for(size))) {
        return block;
      }
    }
    if constexpr (MovingSource<Pages>) {
      if (old_bytes >= least_to_move && size > old_bytes && size <= max_object_bytes &&
          !load_relaxed(&moving_fails_)) {
        if (void* const moved = move_pages(span, size, alignment)) return moved;
      }
    }
    const bool may_stay = size <= old_bytes && is_aligned(block, larger(alignment, 1));
    void* const copy = allocate_anew(size, alignment, c, may_stay ? Insist::no : insist);
    if (copy == nullptr) {
      if (!may_stay) return nullptr;
      // A block can always become smaller: it keeps its place, and its class is larger than its
      // size says.
      store_relaxed(&shrunk_in_place_, true);
      return block;
    }
    __builtin_memcpy(copy, block, smaller(old_bytes, size));
    deallocate(block);
    return copy;
  }

  // False: there are no pages behind it to be had at once.
  bool resize(LockGuard& guard, Span* span, size_t pages) noexcept {
    if (pages > span->pages && runs_ahead(pages - span->pages)) return false;
    return pages_.resize(guard, span, pages);
  }

  void* allocate_anew(size_t size, size_t alignment, SizeClass c, Insist insist) noexcept {
    if (c == Classes::none) return allocate_large(size, alignment, Fill::none, insist);
    if (insist == Insist::yes) return allocate_slot(c);
    pages_.lock_.lock();
    return allocate_slot_locked(c, insist);
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

  PageAllocator<Config> pages_;
  Bins<Classes::count> bins_;
  size_t pages_ahead_ = 0;  // taken while blocks waited to be taken over
  uint32_t secret_ = 0;
  bool shrunk_in_place_ = false;
  bool moving_fails_ = false;
  OutOfMemoryHandler out_of_memory_ = nullptr;
};

// With Checks::full.
template <HeapConfig Config>
requires FullyChecked<Config>
class Heap<Config> : public GuardedHeap<Heap<UnderGuards<Config>>, Config> {
};

}  // namespace rsb
