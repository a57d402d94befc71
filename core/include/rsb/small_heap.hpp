// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap for pools of 2 KiB to a few MiB, whose largest block is what the pool holds: for firmware.
//
//   struct Config {
//     using Lock = rsb::NoLock;                   // satisfies rsb::Lock
//     static constexpr rsb::SmallOptions options{};
//   };
//   constinit rsb::SmallHeap<Config> heap;        // any number of heaps
//   heap.add_region(pool, sizeof pool);           // any number of regions, at any time
//
// Theory of operation. A region is cut into blocks. Free ones are in lists by size
// (internal/small/small_lists.hpp says which one a request takes). What remains of the first region
// where nothing was allocated yet, the top, is in no list, and is cut only when no list serves.
// Where blocks begin, and which are free, is told by a table with a bit for each granule
// (small_table.hpp), so that nothing lies between blocks; or, if SmallOptions::words says so, by a
// word of 4 bytes before each (small_words.hpp).
//
// Cost. Every call takes constant time, but for those that say what else. An allocation looks at up
// to five words of the bitmap and four lists, takes one block out of its list and puts what remains
// into another. A release takes up to two free neighbours out of their lists and puts the whole
// into one. Each later region makes releases, and allocations from it, a few steps slower.
// tests/bench/target counts the instructions.
//
// Shortcomings. Of the list that a request's own size falls into one block or two are looked at:
// another that would do, at most an eighth larger than the request, may be overlooked. A block is
// never smaller than two granules, 16 bytes on 32-bit machines. Where sizes have 16 bits, a region
// is used up to 32 KiB.
//
// All functions may be called by any number of threads if the lock is a real one, and by interrupt
// handlers if it masks them; those named _nowait by handlers that can interrupt a holder of the
// lock. What deallocate_nowait() was given is taken over, at most SmallOptions::deferred_batch
// blocks at a time, by every call that allocates or frees. While some of it still waits, no more is
// allocated than a sixteenth of the first region: then an allocation first takes over all that
// waits, a batch for each turn of the lock, in as many steps as that takes. So, however calls are
// mixed, the live blocks and those that wait are never more, in bytes, than what was live at once,
// and a sixteenth of the first region.
//
// A configuration may also have Pages, a class with next_region() (rsb::GivesRegions): its regions
// are added one after the other, each when there is no memory for a request. And exhausted(), which
// is called without the lock when an allocation is about to return null. A heap that has either
// also has an out-of-memory handler, and counts the allocations that failed. None of this costs
// anything where a request is met. A listener (rsb::SmallListener, in internal/small_heap) is told
// of every block.
#pragma once

#include "rsb/internal/full/guarded_heap.hpp"
#include "rsb/internal/small_heap/small_means.hpp"

namespace rsb {

template <SmallHeapConfig Config>
class SmallHeap : protected SmallMeans<Config> {
  using Base = SmallMeans<Config>;
  using Base::least_of_any_first;
  using typename Base::Lists, typename Base::Marks;

 public:
  using Base::checked, Base::granule, Base::options;

  static constexpr bool tells_makers = false;  // as with Checks::full: allocate_as()

  // Bytes that a block has besides those that may be used, and the least of both together.
  using Base::block_overhead, Base::least_block;

  // Bytes of memory with which add_region() does not return 0, wherever it lies: for a later
  // region; for the first one, whose lists are for blocks of up to SmallOptions::largest_region, or
  // of its own size. (What is smaller would do, but leave all that comes later to as small blocks.)
  static constexpr size_t least_region = SmallRegions<Marks>::least_region;
  static constexpr size_t least_first_region =
      larger(least_of_any_first,
             SmallRegions<Marks>::least_region +
                 Lists::heads_for(
                     larger(least_of_any_first, smaller(options.largest_region, small_most))) *
                     sizeof(void*));

  constexpr SmallHeap() noexcept = default;
  SmallHeap(const SmallHeap&) = delete;
  SmallHeap& operator=(const SmallHeap&) = delete;

  // ---- Allocating ----

  // Aligned as malloc's: to 8 bytes, and to the granule from 16 bytes up. Null: there is no free
  // block for it, or size is 0 and SmallOptions::null_for_zero says so.
  [[nodiscard, gnu::always_inline]] void* allocate(size_t size) noexcept {
    if (options.null_for_zero && size == 0) return nullptr;
    lock_.lock();
    Held held(lock_);
    // With what is too large, what is so small that rounding it makes no block.
    if (size - least_rounded >= range_) [[unlikely]] {
      if (size >= limit()) {
        if constexpr (!has_recourse) return nullptr;
        held.hand_over();
        return allocate_locked(size, 0);
      }
      size = least_rounded;
    }
    if constexpr (defers) {
      if (has_deferred()) [[unlikely]] {
        held.hand_over();
        return allocate_locked(size, 0);
      }
    }
    void* const block = take(align_up(size + block_overhead, granule));
    if constexpr (defers || has_recourse) {
      if (block == nullptr) [[unlikely]] {
        held.hand_over();
        return allocate_locked(size, 0);
      }
    }
    tell_allocated(block);
    return block;
  }

  // Aligned to `alignment`, a power of two or 0. Null also if it is no power of two. Beyond the
  // granule a free block with room for the worst case is needed, and what is too much given back.
  [[nodiscard]] void* allocate(size_t size, size_t alignment) noexcept {
    return allocate(size, alignment, Fill::none);
  }

  // Fill::zero: all of usable_size() bytes are zero.
  [[nodiscard, gnu::noinline]] void* allocate(size_t size, size_t alignment, Fill fill) noexcept {
    if (!is_valid(size, alignment)) return nullptr;
    void* const block = alignment <= granule ? allocate(size) : allocate_aligned(size, alignment);
    if (fill == Fill::zero && block != nullptr) __builtin_memset(block, 0, usable_size(block));
    return block;
  }

  // malloc's alignment; all of usable_size() bytes are zero.
  [[nodiscard]] void* allocate_zeroed(size_t size) noexcept {
    return allocate(size, 0, Fill::zero);
  }

  // ---- Releasing ----

  // Null does nothing. With Checks::basic, what is not the start of a live block is a fault: for
  // certain, as long as nothing wrote to free memory; with SmallOptions::words only outside the
  // regions, else with odds of a thousand to one, by the tag in the block's word.

  [[gnu::always_inline]] void deallocate(void* block) noexcept {
    if (!finds_null && block == nullptr) return;
    Guard guard(lock_);
    take_over_some();
    release(block);
  }

  // For blocks from allocate(size): also checks that the block is of this size.
  void deallocate(void* block, size_t size) noexcept {
    if (checked && block != nullptr) refuse_other_size(block, size);
    deallocate(block);
  }

  // For blocks from allocate(size, alignment).
  void deallocate(void* block, size_t size, size_t) noexcept { deallocate(block, size); }

  // As the sized deallocate() does before it releases: faults if a block of this heap is not of
  // this size. What is not in this heap may be another's.
  void expect_size(const void* block, size_t size) noexcept {
    if constexpr (checked) {
      if (may_own(block)) refuse_other_size(const_cast<void*>(block), size);
    }
  }
  void expect_size(const void* block, size_t size, size_t) noexcept { expect_size(block, size); }

  // ---- Without waiting: for interrupt and signal handlers ----

  // As allocate(size), but never waits and never gives up the lock; takes at most the steps of an
  // allocation and of SmallOptions::deferred_batch releases: those of the first blocks that
  // deallocate_nowait() was given. Null: the lock is taken, perhaps by whom the handler
  // interrupted; or there is no memory; or more blocks wait than it takes over, and a sixteenth of
  // the first region was allocated meanwhile.
  [[nodiscard]] void* allocate_nowait(size_t size) noexcept { return allocate_nowait(size, 0); }

  // As allocate(size, alignment).
  [[nodiscard, gnu::noinline]] void* allocate_nowait(size_t size, size_t alignment) noexcept {
    static_assert(NowaitLock<typename Config::Lock>,
                  "allocate_nowait needs a Lock that has try_lock() or says that it never_waits");
    if (!is_valid(size, alignment)) return nullptr;
    if (!take_in_handler(lock_)) return nullptr;
    HeapGuard guard(lock_, HeapGuard::Already::held);
    if constexpr (defers) {
      if (has_deferred()) {
        take_over();
        if (runs_ahead(size)) return nullptr;
      }
    }
    return take_at_once(size, alignment);
  }

  // Releases a block without the lock, in constant time (deferred_frees.hpp says what bounds it):
  // from any handler, also while what it interrupted holds the lock. The block counts as live until
  // another call has taken it over.
  //
  // What is seen to be no live block is a fault at once: the hook is then called in the handler,
  // perhaps with the lock held by what was interrupted, and must not jump out. What is seen only
  // later (a second release by other means, or one that happens at the same time) is a fault of the
  // call that takes the block over.
  [[gnu::noinline]] void deallocate_nowait(void* block) noexcept {
    static_assert(options.deferred_batch != 0,
                  "deallocate_nowait needs a SmallOptions::deferred_batch other than 0");
    if (block == nullptr) return;
    if constexpr (checked) refuse_without_lock(block);
    const PushGuard pushing(lock_);
    deferred_.frees.push(deferred_.region, block, room, [] { return false; });
  }

  // ---- Resizing ----

  // The block, perhaps elsewhere, with its contents up to the smaller size and malloc's alignment.
  // Null: there is no memory, and the old block is as it was. Smaller, it stays where it is;
  // larger, it takes what is free behind it, if that is enough. Copies without the lock.
  [[nodiscard]] void* reallocate(void* block, size_t size) noexcept {
    return reallocate(block, size, 0);
  }

  // The block as allocate(size, alignment) would return it; where it is only if it is aligned so.
  // One of size 0 has the least size, whatever SmallOptions::null_for_zero says.
  [[nodiscard]] void* reallocate(void* block, size_t size, size_t alignment) noexcept {
    if (block == nullptr) return allocate(size, alignment);
    if (!is_power_of_two_or_0(alignment)) return nullptr;
    const bool may_stay = alignment <= granule || is_aligned(block, alignment);
    if (may_stay && resize(block, size)) return block;
    const size_t old_bytes = usable_size(block);
    void* const copy = allocate_aligned(size, alignment);
    if (copy == nullptr) return nullptr;
    __builtin_memcpy(copy, block, smaller(old_bytes, size));
    deallocate(block);
    return copy;
  }

  // ---- Questions ----

  // Whether the address lies among the blocks of one of the regions. Linear in their number.
  bool may_own(const void* p) noexcept {
    Guard guard(lock_);
    return regions_.with(p) != nullptr;
  }

  // Bytes of a live block that may be used; 0 for null.
  size_t usable_size(const void* block) noexcept {
    if (block == nullptr) return 0;
    Guard guard(lock_);
    SmallLive live;
    find(const_cast<void*>(block), live);
    return live.bytes - block_overhead;
  }

  // The live block that the address points into, at its start or not; null: none. Linear in the
  // number of the region's blocks.
  void* block_with(const void* p) noexcept {
    Guard guard(lock_);
    SmallRegion* const region = regions_.with(p);
    if (region == nullptr) return nullptr;
    char* const block = piece_with(*region, p);
    return block == nullptr || is_hidden(*region, block) ? nullptr : block;
  }

  // The same, and its usable bytes. Of free memory nothing is known but that it is free.
  BlockPlace place_of(const void* p) noexcept {
    Guard guard(lock_);
    SmallRegion* const region = regions_.with(p);
    if (region == nullptr) return {};
    char* const block = piece_with(*region, p);
    if (block == nullptr || is_hidden(*region, block)) {
      return {const_cast<char*>(static_cast<const char*>(p)), 0, false};
    }
    return {block, Base::live_bytes(*region, block) - block_overhead, true};
  }

  // The largest request that allocate(size) would now meet for certain, but for those that a second
  // block of a list might meet; 0: none. In constant time. While blocks of deallocate_nowait() wait
  // it is a guess: what joins a list may come before what it has seen.
  size_t largest_request() noexcept {
    Guard guard(lock_);
    return largest_request_now();
  }

  // How many blocks are free, the top, if there is any, counted as one. Linear in that.
  size_t free_blocks() noexcept {
    Guard guard(lock_);
    size_t count = 0;
    unsigned turn = 0;
    do {
      turn = visit_list(turn, [&](size_t) { count++; });
    } while (turn != 0);
    return count;
  }

  // Calls visit(bytes) for each free block of one list, with the lock held, so it must not call the
  // heap; in the first turn, 0, also for the top, if there is any. Returns the next turn; 0: that
  // was the last one. What becomes free or used between turns may be missed, or seen twice. Linear
  // in the number of the list's blocks, which are of nearly the same size.
  template <class Visit>
  unsigned visit_free_blocks(unsigned turn, Visit&& visit) noexcept {
    Guard guard(lock_);
    return visit_list(turn, visit);
  }

  // Bytes of free blocks and the top, in constant time; and the least that it ever was, since the
  // first region was added, the heap was cleared, or reset_least_free_bytes().
  size_t free_bytes() noexcept requires(options.statistics) {
    Guard guard(lock_);
    return statistics_.free;
  }
  size_t least_free_bytes() noexcept requires(options.statistics) {
    Guard guard(lock_);
    return smaller(statistics_.least, statistics_.free);
  }
  void reset_least_free_bytes() noexcept requires(options.statistics) {
    Guard guard(lock_);
    statistics_.forget_least();
  }

  // ---- The rest ----

  // Null: none. Returns the previous one.
  OutOfMemoryHandler set_out_of_memory_handler(OutOfMemoryHandler handler) noexcept {
    static_assert(
        has_recourse,
        "a small heap has an out-of-memory handler only if its configuration has Pages or "
        "exhausted()");
    Guard guard(lock_);
    OutOfMemoryHandler const previous = recourse_.handler;
    recourse_.handler = handler;
    return previous;
  }

  // Takes over all that deallocate_nowait() was given. Returns how many bytes went back to where
  // they came from: what Pages takes back (rsb::TakesBackEnds) of the free ends of its regions; of
  // others nothing, since regions stay until they are taken out.
  size_t trim() noexcept {
    HeapGuard guard(lock_);
    if constexpr (defers) take_over_all(guard);
    size_t bytes = 0;
    if constexpr (has_recourse) {
      for (SmallRegion* r = &regions_.first(); r != nullptr; r = r->next) {
        if (!r->is_of_source) continue;
        bytes += cut_end(*r, 0, [this](void* end, size_t end_bytes) {
          return recourse_.regions.take_back(end, end_bytes);
        });
      }
    }
    return bytes;
  }

  // Begins anew: no block is live any more, and the regions stay; a listener is told nothing.
  // Nobody may be in another call, or use a block. Linear in the size of the tables and the number
  // of regions, and of what deallocate_nowait() was given.
  void clear() noexcept {
    Guard guard(lock_);
    if constexpr (defers) forget_deferred();
    if (!has_region()) return;
    lists_.clear();
    statistics_ = {};
    for (SmallRegion* r = &regions_.first(); r != nullptr; r = r->next) begin_again(*r);
    statistics_.forget_least();
  }

  typename Config::Lock& lock() noexcept { return lock_; }

  // ---- Regions ----

  // Memory for the heap: `bytes` at `base`, of any alignment, until it is taken out again. It may
  // begin at address 0, where nothing is allocated, and end with the last address. The
  // first region also holds the heap's lists, and stays; the best is therefore the one that is used
  // most. Returns how many bytes there are for blocks; 0 if it is too small to use. Of a later
  // region only the first SmallOptions::largest_region bytes are used; each makes releasing blocks
  // of later regions a few steps slower. With SmallOptions::deferred_batch a later region must lie
  // within 4 GiB of the first, or is refused with 0.
  size_t add_region(void* base, size_t bytes) noexcept { return add_region(base, bytes, bytes); }

  // One that will have up to `most` bytes when it has been extended: its table is large enough for
  // that.
  size_t add_region(void* base, size_t bytes, size_t most) noexcept {
    Guard guard(lock_);
    return begin_region(base, bytes, most);
  }

  // The region that was given with this base is now larger: the `more` bytes behind it are the
  // heap's too. Returns how many more it has now for blocks, and for a larger table; 0, and nothing
  // has changed, if there is no such region, it would be larger than SmallOptions::largest_region
  // (with 0: than the first region was) or than a later region may be, or it is too little. Linear
  // in the size of the table if that is full and moves: then it has room for twice as much, and
  // lies in what is free at the region's end, which must be enough for it. Where there are several
  // cores, none may then still be in a deallocate_nowait() that began before this call.
  size_t extend_region(void* base, size_t more) noexcept {
    Guard guard(lock_);
    SmallRegion* const region = regions_.at(base);
    return region == nullptr ? 0 : extend(*region, more);
  }

  // Gives back what is free at the end of the region that was given with this base, but for `keep`
  // bytes of it. Returns how many bytes at the region's end are the caller's now. In constant time.
  size_t shrink_region(void* base, size_t keep = 0) noexcept {
    HeapGuard guard(lock_);
    if constexpr (defers) take_over_all(guard);
    SmallRegion* const region = regions_.at(base);
    if (region == nullptr) return 0;
    return cut_end(*region, keep, [](void*, size_t) { return true; });
  }

  // Takes a region out again, given by the same arguments (`bytes`: as many as it has now): returns
  // the bytes that are not allocatable any more, and the memory is the caller's. 0, and nothing has
  // changed, while something in it is in use, if it is the first one, or there is no such region.
  // Where there are several cores, none may still be in a deallocate_nowait() that began before
  // this call when the memory is used for something else: the checks there look at every region
  // without the lock.
  [[nodiscard]] size_t remove_region(void* base, size_t bytes) noexcept {
    HeapGuard guard(lock_);
    if constexpr (defers) take_over_all(guard);
    leave_out_null(base, bytes);
    SmallRegion* const region = regions_.at(base);
    if (region == nullptr || region == &regions_.first() || region->given_bytes > bytes) return 0;
    char* const hidden = regions_.table_block(*region);
    const size_t hidden_bytes = hidden == nullptr ? 0 : live_bytes(*region, hidden);
    char* const begin = region->first;
    char* const behind = hidden == nullptr ? begin : hidden + hidden_bytes;
    const size_t before = hidden == nullptr ? 0 : bytes_from(begin, hidden);
    const size_t after = bytes_from(behind, begin + region->bytes);
    if (!is_free_whole(*region, begin, before) || !is_free_whole(*region, behind, after)) return 0;
    if (before != 0) remove(block_at(begin));
    if (after != 0) remove(block_at(behind));
    statistics_.take(before + after);
    regions_.take_out(*region);
    return region->bytes;
  }

 private:
  template <SmallHeapConfig>
  friend class SmallHeapInspector;

  // With the lock held.
  size_t largest_request_now() const noexcept {
    const size_t bytes = larger(top_bytes_, lists_.largest());
    if (bytes < least_block) return 0;
    return smaller(bytes - block_overhead, limit() - 1);
  }

  using Base::allocate_aligned, Base::allocate_locked, Base::begin_again, Base::begin_region,
      Base::block_at, Base::broken_free, Base::cut_end, Base::extend, Base::find,
      Base::forget_deferred, Base::has_deferred, Base::has_region, Base::is_free_whole,
      Base::is_hidden, Base::is_power_of_two_or_0, Base::is_valid, Base::limit, Base::live_bytes,
      Base::piece_with, Base::refuse_other_size, Base::refuse_without_lock, Base::release,
      Base::remove, Base::resize, Base::runs_ahead, Base::take, Base::take_at_once, Base::take_over,
      Base::take_over_all, Base::take_over_some, Base::tell_allocated, Base::visit_list;
  using Base::deferred_, Base::lists_, Base::lock_, Base::range_, Base::recourse_, Base::regions_,
      Base::statistics_, Base::top_bytes_;
  using Base::defers, Base::finds_null, Base::has_recourse, Base::least_rounded, Base::room;
  using typename Base::HeapGuard;
};

// With Checks::full.
template <SmallHeapConfig Config>
requires FullyChecked<Config>
class SmallHeap<Config> : public GuardedHeap<SmallHeap<UnderGuards<Config>>, Config> {
  using Below = SmallHeap<UnderGuards<Config>>;
  static constexpr size_t around =
      GuardedState<Below, Config>::usual_front + BlockRecord::least_tail;

 public:
  // As without, but with what lies around a block.
  static constexpr size_t block_overhead = Below::block_overhead + around;
  static constexpr size_t least_block =
      larger(align_up(align_up(around + 1, sizeof(size_t)) + Below::block_overhead, Below::granule),
             Below::least_block);

  // As without. What waits is not counted, though a request that needs it gets it.
  size_t largest_request() noexcept { return largest_of(Below::largest_request()); }
  // The same, from what it is below.
  static constexpr size_t largest_of(size_t below) noexcept {
    return below > around ? align_down(below, sizeof(size_t)) - around : 0;
  }
};

}  // namespace rsb
