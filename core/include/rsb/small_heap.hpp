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
// anything where a request is met.
#pragma once

#include "rsb/fault.hpp"
#include "rsb/internal/full/guarded_heap.hpp"
#include "rsb/internal/small/small_lists.hpp"
#include "rsb/internal/small/small_parts.hpp"
#include "rsb/internal/small/small_regions.hpp"
#include "rsb/internal/small/small_table.hpp"
#include "rsb/internal/small/small_words.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"

namespace rsb {

template <class C>
concept SmallHeapConfig =
    Lock<typename C::Lock> && SameAs<decltype(C::options), const SmallOptions>;

// Optional: allocated(block, usable_bytes) is told of every block that is handed out, and
// released(block, usable_bytes) of every one that is free again; of one that changes its size where
// it is, as of both. What deallocate_nowait() was given is released when it is taken over. Called
// with the lock held: they must not call the heap.
template <class C>
concept SmallListener = requires(void* block, size_t bytes) {
  { C::allocated(block, bytes) }
  noexcept;
  { C::released(block, bytes) }
  noexcept;
};

// What tells the blocks of a heap with these options.
template <bool words, Checks checks>
struct SmallMarksFor {
  using Type = SmallTable<checks>;
};
template <Checks checks>
struct SmallMarksFor<true, checks> {
  using Type = SmallWords<checks>;
};
template <SmallOptions options>
using SmallMarks = typename SmallMarksFor<options.words, options.checks>::Type;

// What means to be a listener, and must then be one.
template <class C>
concept HasListener = requires {
  &C::allocated;
}
|| requires {
  &C::released;
};

template <SmallHeapConfig Config>
class SmallHeap {
  static constexpr size_t least_of_any_first = 512;

  static_assert(!HasListener<Config> || SmallListener<Config>,
                "a small heap's listener must have allocated(void*, size_t) and released(void*, "
                "size_t), both static and noexcept");

 public:
  static constexpr SmallOptions options = Config::options;
  static constexpr bool checked = options.checks != Checks::off;
  static constexpr bool tells_makers = false;  // as with Checks::full: allocate_as()
  static constexpr size_t granule = small_granule;

  // Bytes that a block has besides those that may be used, and the least of both together.
  static constexpr size_t block_overhead = SmallMarks<options>::overhead;
  static constexpr size_t least_block = SmallMarks<options>::least;

  // Bytes of memory with which add_region() does not return 0, wherever it lies: for a later
  // region; for the first one, whose lists are for blocks of up to SmallOptions::largest_region, or
  // of its own size. (What is smaller would do, but leave all that comes later to as small blocks.)
  static constexpr size_t least_region = SmallRegions<SmallMarks<options>>::least_region;
  static constexpr size_t least_first_region =
      larger(least_of_any_first,
             SmallRegions<SmallMarks<options>>::least_region +
                 SmallLists<SmallMarks<options>>::heads_for(
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

  // The largest request that allocate(size) would now meet for certain, but for those that a second
  // block of a list might meet; 0: none. In constant time. While blocks of deallocate_nowait() wait
  // it is a guess: what joins a list may come before what it has seen.
  size_t largest_request() noexcept {
    Guard guard(lock_);
    const size_t bytes = larger(top_bytes_, lists_.largest());
    if (bytes < least_block) return 0;
    return smaller(bytes - block_overhead, limit() - 1);
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

  using HeapGuard = Guard<typename Config::Lock>;
  using Marks = SmallMarks<options>;
  using Lists = SmallLists<Marks>;
  using Block = typename Marks::Block;

  static constexpr bool defers = options.deferred_batch != 0;
  static constexpr bool has_recourse = HasRecourse<Config>;
  static constexpr bool listens = SmallListener<Config>;
  // Where blocks are told by a table, which is chosen to save bytes, code counts too; but not where
  // the call is many more instructions.
  static constexpr bool calls_to_insert = Marks::has_table && has_bit_scan;
  // Whether null need not be told apart before its region is looked for: in none.
  static constexpr bool finds_null =
      (checked || Marks::has_table) && SameAs<typename Config::Lock, NoLock>;

  bool has_region() const noexcept { return range_ != 0; }

  static Block* block_at(void* p) noexcept { return static_cast<Block*>(p); }
  static char* payload(Block* block) noexcept { return reinterpret_cast<char*>(block); }

  // ---- Sizes ----

  static constexpr size_t block_bytes(size_t size) noexcept {
    return larger(align_up(size + block_overhead, granule), least_block);
  }
  // From here on it is what rounding gives.
  static constexpr size_t least_rounded = least_block - granule - block_overhead + 1;
  // From this size on, requests have no list; without memory, all.
  size_t limit() const noexcept { return range_ == 0 ? 0 : least_rounded + range_; }
  static constexpr bool is_power_of_two_or_0(size_t alignment) noexcept {
    return (alignment & (alignment - 1)) == 0;
  }
  static constexpr bool is_valid(size_t size, size_t alignment) noexcept {
    return is_power_of_two_or_0(alignment) && (size != 0 || !options.null_for_zero);
  }

  // ---- Telling the listener ----

  [[gnu::always_inline]] void tell_allocated([[maybe_unused]] void* block) noexcept {
    if constexpr (listens) {
      if (block != nullptr)
        Config::allocated(block, live_bytes(*regions_.with(block), block) - block_overhead);
    }
  }
  [[gnu::always_inline]] void tell_released([[maybe_unused]] void* block,
                                            [[maybe_unused]] size_t bytes) noexcept {
    if constexpr (listens) Config::released(block, bytes - block_overhead);
  }

  // ---- Taking blocks ----

  // A block of so many bytes, those of a request below limit().
  [[gnu::always_inline]] void* take(size_t bytes) noexcept {
    Block* const found = lists_.take_best(
        bytes, [this](Block* overwritten) { fail(Fault::overwritten_link, overwritten); });
    if (found == nullptr) return top_bytes_ < bytes ? nullptr : take_from_top(bytes);
    char* const block = payload(found);
    const SmallMap map = of_block(block);
    size_t taken = Marks::free_bytes(found);
    const size_t rest = taken - bytes;
    Marks::begin_taking(map, block);
    if (rest < least_block) {
      Marks::take_to_end(map, block + taken);
    } else {
      taken = bytes;
      Marks::leave_rest(map, block + bytes);
      if (calls_to_insert) lists_.add(block_at(block + bytes), rest);
    }
    Marks::end_taking(map, block, taken);
    statistics_.take(taken);
    if (!calls_to_insert && rest >= least_block) lists_.insert(block_at(block + bytes), rest);
    return block;
  }

  [[gnu::always_inline]] const SmallRegion& of_block(const void* block) noexcept {
    return Marks::has_table ? *regions_.of(block) : regions_.first();
  }

  // The top is large enough for the block.
  [[gnu::noinline]] char* take_from_top(size_t bytes) noexcept {
    char* const block = top_;
    const SmallRegion& region = regions_.first();
    Marks::begin_taking(region, block);
    Marks::leave_top(region, block + bytes);
    Marks::end_taking(region, block, bytes);
    move_top(block + bytes, top_bytes_ - bytes);
    statistics_.take(bytes);
    return block;
  }

  [[gnu::always_inline]] void move_top(char* p, size_t bytes) noexcept {
    top_ = p;
    top_bytes_ = bytes;
    Marks::move_top(p);
  }

  void* allocate_aligned(size_t size, size_t alignment) noexcept {
    lock_.lock();
    return allocate_locked(size, alignment);
  }

  // With the lock held, which it gives up: by all means.
  [[gnu::noinline]] void* allocate_locked(size_t size, size_t alignment) noexcept {
    HeapGuard guard(lock_, HeapGuard::Already::held);
    if constexpr (defers) {
      if (has_deferred()) catch_up(guard, size);
    }
    if (void* const block = take_at_once(size, alignment)) return block;
    do {
      // The lock is given up: what others have freed or added meanwhile is there to be taken.
      if constexpr (defers) take_over_all(guard);
      do {
        if (void* const block = take_at_once(size, alignment)) return block;
      } while (add_next_region());
    } while (may_try_again(guard, size));
    return nullptr;
  }

  // Asks the handler; if that gives up, it is a failure.
  [[gnu::noinline, gnu::cold]] bool may_try_again([[maybe_unused]] HeapGuard& guard,
                                                  [[maybe_unused]] size_t bytes) noexcept {
    if constexpr (has_recourse) {
      if (OutOfMemoryHandler const handler = recourse_.handler) {
        Unlocked unlocked(guard);
        if (handler(bytes) != 0) return true;
      }
      recourse_.failures++;
      if constexpr (requires { Config::exhausted(); }) {
        Unlocked unlocked(guard);
        Config::exhausted();
      }
    }
    return false;
  }

  // Without giving up the lock.
  [[gnu::noinline]] void* take_at_once(size_t size, size_t alignment) noexcept {
    void* p;
    if (alignment <= granule) {
      p = size < limit() ? take(block_bytes(size)) : nullptr;
    } else {
      // Enough to find an aligned block in, whole and with a block before it.
      if (size >= limit() || alignment >= limit()) return nullptr;
      const size_t wanted = block_bytes(size) + alignment + least_block;
      const size_t least = statistics_.least_yet();
      p = wanted < limit() ? take(block_bytes(wanted)) : nullptr;
      if (p != nullptr) {
        p = align(p, size, alignment);
        statistics_.settle(least);
      }
    }
    tell_allocated(p);
    return p;
  }

  // Cuts the aligned block out of the one at p, and gives back the rest.
  [[gnu::always_inline]] void* align(void* p, size_t size, size_t alignment) noexcept {
    const SmallRegion& region = of_block(p);
    size_t bytes = live_bytes(region, p);
    if (!is_aligned(p, alignment)) {
      char* const aligned = align_up(static_cast<char*>(p) + least_block, alignment);
      const size_t before = bytes_from(p, aligned);
      Marks::split(region, p, bytes, before);
      release_block(region, p, {before, 0});
      p = aligned;
      bytes -= before;
    }
    shorten(region, p, bytes, block_bytes(size));
    return p;
  }

  // ---- What was released without waiting ----

  static constexpr DeferredFrees::Room room = DeferredFrees::Room::link_and_mark;

  bool has_deferred() const noexcept { return deferred_.frees.any(); }

  void* pop_deferred() noexcept {
    const PushGuard pushing(lock_);
    return deferred_.frees.pop();
  }

  [[gnu::always_inline]] void take_over_some() noexcept {
    if constexpr (defers) {
      if (has_deferred()) [[unlikely]]
        take_over();
    }
  }

  // Some of it; returns how many blocks.
  [[gnu::noinline, gnu::cold]] unsigned take_over() noexcept {
    unsigned blocks = 0;
    for (; blocks < options.deferred_batch; blocks++) {
      void* const block = pop_deferred();
      if (block == nullptr) break;
      SmallLive live;
      find(block, live);  // faults if it is no live block
      if (!deferred_.frees.follow(block, room)) [[unlikely]]
        fail(Fault::overwritten_link, block);
      // Or the next block that begins there looks released to deallocate_nowait().
      __builtin_memset(block, 0, 8);
      release(block);
    }
    return blocks;
  }

  // Before `bytes` are allocated. True: with them it would be too much, while blocks wait.
  [[gnu::noinline, gnu::cold]] bool runs_ahead(size_t bytes) noexcept {
    if (deferred_.frees.count() == 0) {
      deferred_.bytes_ahead = 0;
      return false;
    }
    const size_t most = regions_.first().bytes / 16;
    if (bytes > most || deferred_.bytes_ahead + bytes + least_block > most) return true;
    deferred_.bytes_ahead += bytes + least_block;
    return false;
  }

  // Takes over a batch, or as many blocks as wait now: then the lock is given up between batches.
  [[gnu::noinline, gnu::cold]] void catch_up(HeapGuard& guard, size_t bytes) noexcept {
    take_over();
    if (!runs_ahead(bytes)) return;
    for (size_t waiting = deferred_.frees.count(); waiting != 0 && has_deferred();) {
      waiting -= smaller(waiting, take_over());
      Unlocked unlocked(guard);
    }
    deferred_.bytes_ahead = 0;
  }

  // The lock is given up between batches, so that nobody waits for more than one.
  [[gnu::noinline, gnu::cold]] void take_over_all(HeapGuard& guard) noexcept {
    deferred_.frees.look_again();
    while (has_deferred()) {
      take_over();
      Unlocked unlocked(guard);
    }
  }

  void forget_deferred() noexcept {
    deferred_.frees.look_again();
    while (has_deferred()) {
      while (void* const block = pop_deferred()) {
        if (!deferred_.frees.follow(block, room)) fail(Fault::overwritten_link, block);
        __builtin_memset(block, 0, 8);
      }
    }
    deferred_.bytes_ahead = 0;
  }

  // What decides holds still while the block lives: its bits in the table, or its word.
  void refuse_without_lock(void* p) noexcept {
    SmallRegion* const region = regions_.with(p);
    if (region == nullptr || !DeferredFrees::reaches(deferred_.region, p)) {
      raise(Fault::foreign_pointer, p);
    }
    if (!is_aligned(p, granule) || !Marks::seems_live(*region, p)) raise(fault_of(*region, p), p);
    if (deferred_.frees.is_pushed(deferred_.region, p)) raise(Fault::double_free, p);
  }

  // ---- Questions ----

  template <class Visit>
  unsigned visit_list(unsigned turn, Visit&& visit) noexcept {
    if (!has_region()) return 0;
    if (turn == 0 && top_bytes_ != 0) visit(top_bytes_);
    const unsigned list = lists_.next(turn);
    Block* block = *lists_.head(list);
    if (block == nullptr) return 0;  // the list that stays empty
    do {
      visit(Marks::free_bytes(block));
      block = block->next;
    } while (block != nullptr);
    return list + 1;
  }

  // ---- Giving back ----

  [[gnu::always_inline]] void release(void* p) noexcept {
    SmallLive live;
    const SmallRegion* const region = region_of(p);
    if (finds_null && region == nullptr) return;
    const SmallMap map = *region;
    find_in(*region, p, live);
    tell_released(p, live.bytes);
    merge(map, p, live);
  }

  // The live block at p, and its region (words do not need it); faults if there is none.
  [[gnu::always_inline]] const SmallRegion& find(void* p, SmallLive& live) noexcept {
    const SmallRegion& region = *region_of(p);
    find_in(region, p, live);
    return region;
  }
  [[gnu::always_inline]] void find_in(const SmallRegion& region, void* p,
                                      SmallLive& live) noexcept {
    if (!Marks::find_live(region, p, live)) [[unlikely]]
      refuse(p);
  }

  // Of what is to be a block. Null: it is null. Faults if no region has one there.
  [[gnu::always_inline]] const SmallRegion* region_of(const void* p) noexcept {
    const SmallRegion& first = regions_.first();
    if constexpr (!checked && !Marks::has_table) return &first;
    if (checked ? SmallRegions<Marks>::may_begin_in(first, p)
                : bytes_from(first.first, p) < first.bytes) [[likely]]
      return &first;
    return later_region_of(p);
  }
  [[gnu::noinline]] const SmallRegion* later_region_of(const void* p) noexcept {
    const SmallRegion* const region = is_aligned(p, granule) ? regions_.later_with(p) : nullptr;
    if (checked && region == nullptr && p != nullptr) refuse(p);
    return region;
  }

  // Of what is known to be live.
  static size_t live_bytes(const SmallRegion& region, void* p) noexcept {
    SmallLive live{};
    Marks::find_live(region, p, live);
    return live.bytes;
  }

  // A copy of merge() for all that need no speed.
  [[gnu::noinline]] void release_block(const SmallMap& map, void* p, SmallLive live) noexcept {
    merge(map, p, live);
  }

  // Puts a block that was in use into a list, with what is free before and behind it.
  [[gnu::always_inline]] void merge(const SmallMap map, void* p, SmallLive live) noexcept {
    statistics_.add(live.bytes);
    char* const next = static_cast<char*>(p) + live.bytes;
    char* begin = static_cast<char*>(p);
    size_t bytes = live.bytes;
    if (live.before == 0) {
      Marks::release(map, p, bytes);
    } else {
      Marks::release_into(map, p, bytes, live.before);
      begin -= live.before;
      bytes += live.before;
      remove(block_at(begin));
    }
    if (!Marks::is_free(map, next)) {
      Marks::end_before(map, next);
    } else if (next == top_) {
      Marks::end_with_top(map, next);
      return move_top(begin, top_bytes_ + bytes);
    } else {
      const size_t behind = Marks::free_bytes(block_at(next));
      remove(block_at(next));
      Marks::end_with(map, next, behind);
      bytes += behind;
    }
    calls_to_insert ? lists_.add(block_at(begin), bytes) : lists_.insert(block_at(begin), bytes);
  }

  [[gnu::always_inline]] void remove(Block* block) noexcept {
    if (!lists_.remove(block)) [[unlikely]]
      fail(Fault::overwritten_link, block);
  }

  // Gives back what a used block has behind its first `wanted` bytes.
  void shorten(const SmallRegion& region, void* p, size_t bytes, size_t wanted) noexcept {
    if (bytes - wanted < least_block) return;
    Marks::split(region, p, bytes, wanted);
    release_block(region, static_cast<char*>(p) + wanted, {bytes - wanted, 0});
  }

  // True: the block is now right for `size`, where it is.
  [[gnu::noinline]] bool resize(void* p, size_t size) noexcept {
    Guard guard(lock_);
    take_over_some();
    SmallLive live;
    const SmallRegion& region = find(p, live);
    if (size >= limit()) return size <= live.bytes - block_overhead;
    const size_t wanted = block_bytes(size);
    const size_t least = statistics_.least_yet();
    size_t bytes = live.bytes;
    if (wanted > bytes) {
      char* const next = static_cast<char*>(p) + bytes;
      const size_t missing = wanted - bytes;
      if (!Marks::is_free(region, next)) return false;
      if constexpr (defers) {
        if (has_deferred() && runs_ahead(missing)) return false;
      }
      if (next == top_) {
        if (top_bytes_ < missing) return false;
        Marks::grow_by_top(region, p, bytes, wanted);
        move_top(top_ + missing, top_bytes_ - missing);
        statistics_.take(missing);
        bytes = wanted;
      } else {
        const size_t behind = Marks::free_bytes(block_at(next));
        if (behind < missing) return false;
        remove(block_at(next));
        Marks::grow_by_block(region, p, bytes, bytes + behind);
        statistics_.take(behind);
        bytes += behind;
      }
    }
    shorten(region, p, bytes, wanted);
    statistics_.settle(least);
    if constexpr (listens) {
      tell_released(p, live.bytes);
      tell_allocated(p);
    }
    return true;
  }

  // ---- Regions ----

  size_t begin_region(void* base, size_t bytes, size_t most) noexcept {
    if (exceeds_addresses(base, bytes)) fail(Fault::bad_pages, base);
    leave_out_null(base, bytes);
    const bool is_first = !has_region();
    if (is_first && bytes < least_of_any_first) return 0;
    if constexpr (defers) {
      if (!is_first && !is_within_reach(base, bytes)) return 0;
    }
    const size_t largest = smaller(larger(bytes, options.largest_region), small_most);
    const unsigned heads = is_first ? Lists::heads_for(largest) : 0;
    const SmallRegion* const region = regions_.begin({base, bytes}, heads * sizeof(Block*), most,
                                                     is_first ? small_most : most_of_later());
    if (region == nullptr) return 0;
    if (is_first) {
      range_ = largest - least_block - least_rounded;
      lists_.begin(reinterpret_cast<Block**>(regions_.begin_of(base)), heads);
      if constexpr (defers) begin_deferred(region->first);
    }
    begin_blocks(*region);
    return region->bytes;
  }

  // As much before the first region as behind it, if there is as much.
  void begin_deferred(const char* first) noexcept {
    constexpr size_t reach = DeferredFrees::Region::reach;
    constexpr size_t half = reach != SIZE_MAX ? reach / 2 & ~size_t{15} : reach;
    const uintptr_t at = address_of(first);
    const uintptr_t from = at > half ? at - half : 0;
    deferred_.frees.add(deferred_.region, reinterpret_cast<char*>(from));
  }

  // The next one that Config::Pages has and that is not too small, or what one of the regions has
  // grown by. False: there is none.
  bool add_next_region() noexcept {
    if constexpr (has_recourse) {
      for (auto next = recourse_.regions.next(); !next.is_none(); next = recourse_.regions.next()) {
        leave_out_null(next.base, next.bytes);
        size_t added = 0;
        if (SmallRegion* const same = regions_.at(next.base)) {
          // Or it would go on growing for nothing.
          if (next.bytes <= same->given_bytes) return false;
          if (regions_.bytes_with(*same, next.bytes) > most_of(*same)) return false;
          added = extend(*same, next.bytes - same->given_bytes);
        } else {
          added = begin_region(next.base, next.bytes, next.bytes);
          if (added != 0) regions_.at(next.base)->is_of_source = true;
        }
        if (added != 0) return true;
      }
    }
    return false;
  }

  bool is_within_reach(void* base, size_t bytes) noexcept {
    return DeferredFrees::reaches(deferred_.region, base) &&
           DeferredFrees::reaches(deferred_.region, address_behind(base, bytes - 1));
  }

  // Bytes of blocks that a region may have.
  size_t most_of_later() const noexcept { return limit() & ~(granule - 1); }
  size_t most_of(const SmallRegion& region) const noexcept {
    return &region == &regions_.first() ? (limit() + least_block) & ~(granule - 1)
                                        : most_of_later();
  }

  // One free block, or the top, is all that the region has. Its table is zero.
  void begin_blocks(const SmallRegion& region) noexcept {
    statistics_.add(region.bytes);
    if (&region == &regions_.first()) {
      Marks::begin_with_top(region);
      move_top(region.first, region.bytes);
    } else {
      Marks::begin_with_block(region);
      lists_.add(block_at(region.first), region.bytes);
    }
  }

  // As begin_blocks(), but for a table among the blocks.
  void begin_again(const SmallRegion& region) noexcept {
    char* const hidden = regions_.table_block(region);
    const size_t hidden_bytes = hidden == nullptr ? 0 : live_bytes(region, hidden);
    regions_.clear_table(region);
    if (hidden == nullptr) return begin_blocks(region);
    // All that is before it, and it. Never free, or its last bytes would hold a block's size.
    const size_t before = bytes_from(region.first, hidden);
    char* const p = region.first;
    if (&region == &regions_.first()) {
      begin_blocks(region);
      take_from_top(before + hidden_bytes);
    } else {
      Marks::begin_with_block(region);
      Marks::begin_taking(region, p);
      Marks::take_to_end(region, p + region.bytes);
      Marks::end_taking(region, p, region.bytes);
      shorten(region, p, region.bytes, before + hidden_bytes);
    }
    if (before == 0) return;
    Marks::split(region, p, before + hidden_bytes, before);
    release_block(region, p, {before, 0});
  }

  [[gnu::noinline]] size_t extend(SmallRegion& region, size_t more) noexcept {
    if (more > UINTPTR_MAX - address_of(region.base) - (region.given_bytes - 1)) {
      fail(Fault::bad_pages, region.base);
    }
    const size_t old_bytes = region.bytes;
    const size_t bytes = regions_.bytes_with(region, region.given_bytes + more);
    if (bytes > most_of(region)) return 0;
    if constexpr (defers) {
      if (!is_within_reach(region.base, region.given_bytes + more)) return 0;
    }
    const bool has_top = &region == &regions_.first();
    size_t at_end = bytes - old_bytes;
    if (has_top) at_end += top_bytes_;
    char* const end = has_top ? top_ : region.first + old_bytes;
    size_t table = 0;
    char* const old_table = regions_.table_block(region);
    if (has_top ? bytes == old_bytes : at_end < least_block) return 0;
    if constexpr (Marks::has_table) {
      if (bytes > region.table_bytes) {
        const size_t twice = smaller(larger(bytes, 2 * region.table_bytes), most_of(region));
        const size_t for_bytes = larger(twice, least_of_moved_table);
        table = block_bytes(Marks::table_bytes(for_bytes));
        if (at_end < table) return 0;
        if (at_end - table < least_block && !has_top) table = at_end;
        regions_.move_table(region, end, for_bytes);
      }
    }
    region.bytes = bytes;
    region.given_bytes += more;
    statistics_.add(bytes - old_bytes);
    if (has_top) {
      top_bytes_ = at_end;
      if (table != 0) take_from_top(table);
    } else {
      const size_t before =
          Marks::ends_free(region, old_bytes) ? Marks::bytes_before(region.first + old_bytes) : 0;
      Marks::append_block(region, old_bytes);
      statistics_.take(bytes - old_bytes);
      if (table == 0) {
        release_block(region, end, {at_end, before});
      } else {
        shorten(region, end, at_end, table);
      }
    }
    if (old_table != nullptr && table != 0) {
      SmallLive live{};
      Marks::find_live(region, old_table, live);
      release_block(region, old_table, live);
    }
    return bytes - old_bytes;
  }

  // Gives what is free at the region's end, but for `keep` bytes, to give(end, bytes), which says
  // whether it took it. Returns how many bytes it was.
  template <class Give>
  size_t cut_end(SmallRegion& region, size_t keep, Give&& give) noexcept {
    if (region.first == nullptr) return 0;
    const bool has_top = &region == &regions_.first();
    char* const end = region.first + region.bytes;
    size_t free = top_bytes_;
    if (!has_top) free = Marks::ends_free(region, region.bytes) ? Marks::bytes_before(end) : 0;
    // A later region keeps a block, if only one; and what remains of a block is one.
    if (!has_top && free == region.bytes) keep = larger(keep, least_block);
    if (!has_top && keep != 0) keep = larger(keep, least_block);
    keep = align_up(smaller(keep, free), granule);
    if (keep >= free) return 0;
    char* const new_end = end - (free - keep);
    char* const given_end = address_behind(region.base, region.given_bytes);
    // The word that ends the region lies before what is given back.
    const size_t given = bytes_from(new_end, given_end);
    if (!has_top) remove(block_at(end - free));  // it may lie in what is given
    if (!give(new_end, given)) {
      if (!has_top) lists_.add(block_at(end - free), free);
      return 0;
    }
    const size_t old_bytes = region.bytes;
    region.bytes -= free - keep;
    region.given_bytes -= given;
    statistics_.take(free - keep);
    if (has_top) {
      top_bytes_ = keep;
    } else {
      Marks::cut_end(region, old_bytes, end - free);
      if (keep != 0) lists_.add(block_at(end - free), keep);
    }
    return given;
  }

  bool is_free_whole(const SmallRegion& region, char* p, size_t bytes) const noexcept {
    return bytes == 0 || (Marks::is_free(region, p) && Marks::free_bytes(block_at(p)) == bytes);
  }

  // Tables that moved lie in blocks that the heap keeps to itself. They cover so many granules
  // that they are long ones, for which there is a look at who asks: is_hidden().
  static constexpr size_t least_of_moved_table = 64 * granule * granule * __CHAR_BIT__;

  bool is_hidden(const SmallRegion& region, const void* block) const noexcept {
    return block == region.table;
  }

  // ---- Faults ----

  // The used block that holds this address; null: it is free.
  char* piece_with(const SmallRegion& region, const void* p) noexcept {
    char* at = region.first;
    for (;;) {
      if (at == top_) return nullptr;
      const size_t bytes = Marks::bytes_at(region, at);
      if (bytes_from(at, p) < bytes) return Marks::is_free(region, at) ? nullptr : at;
      if (bytes == 0 || bytes >= bytes_from(at, region.first + region.bytes)) return nullptr;
      at += bytes;
    }
  }

  // Of an address where no live block begins.
  Fault fault_of(const SmallRegion& region, const void* p) const noexcept {
    if (!is_aligned(p, granule)) return Fault::misaligned_pointer;
    const char* const at = static_cast<const char*>(p);
    const bool is_in_top = bytes_from(top_, at) < top_bytes_;
    return is_in_top || Marks::is_in_free(region, at, top_) ? Fault::double_free
                                                            : Fault::interior_pointer;
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse(const void* p) noexcept {
    const SmallRegion* const region = regions_.with(p);
    fail(region == nullptr ? Fault::foreign_pointer : fault_of(*region, p), p);
  }

  [[gnu::noinline]] void refuse_other_size(void* p, size_t size) noexcept {
    Guard guard(lock_);
    SmallLive live;
    find(p, live);
    if (size < limit()) {
      const size_t least = block_bytes(size);
      if (live.bytes >= least && live.bytes - least < least_block) return;
    }
    fail(Fault::size_mismatch, p);
  }

  [[noreturn, gnu::cold, gnu::noinline]] void fail(Fault fault, const void* p) noexcept {
    lock_.unlock();
    raise(fault, p);
  }

  Lists lists_;
  char* top_ = nullptr;  // where nothing of the first region was allocated yet
  size_t top_bytes_ = 0;
  size_t range_ = 0;  // of sizes that have a list, from least_rounded on
  SmallRegions<Marks> regions_;
  [[no_unique_address]] SmallStatistics<options.statistics> statistics_;
  [[no_unique_address]] SmallDeferred<defers> deferred_;
  [[no_unique_address]] SmallRecourse<Config> recourse_;
  [[no_unique_address]] typename Config::Lock lock_;
};

// With Checks::full.
template <SmallHeapConfig Config>
requires FullyChecked<Config>
class SmallHeap<Config> : public GuardedHeap<SmallHeap<UnderGuards<Config>>, Config> {
};

}  // namespace rsb
