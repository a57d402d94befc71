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
// Theory of operation. Free blocks are in lists by size: a list for each multiple of the granule up
// to 16 granules, then eight a doubling, and a bitmap of the lists that are not empty (two-level
// segregated fit; Masmano, Ripoll, Crespo, Real, "TLSF: a new dynamic memory allocator for
// real-time systems", 2004). What remains of the first region where nothing was allocated yet, the
// top, is in no list, and is cut only when no list serves.
//
// Which block. A program fails when its free memory is in pieces too small, and of what decides
// that, two things count most: to fit tightly, and to keep to low addresses, so that the high ones
// become whole again (Wilson, Johnstone, Neely, Boles, "Dynamic storage allocation: a survey and
// critical review", 1995). Tight fit alone sustains some 62 % of 64 KiB with the mix of
// tests/bench/target, the lowest address alone 65 % but 81 % of 1 MiB where tight fit sustains 86.
// So: of the first three neighbouring lists that have blocks for the request, the first block with
// the lowest address; the request's own list counts if its first block is large enough. A list has
// its lowest block first, or nearly: a block that becomes free goes before the first one if it lies
// lower, else behind it.
//
// Small blocks. A word before each is too much where there are many of 8 bytes. After `misses`
// allocations of the same small size for which there was only the top, the next takes a page: 192
// bytes of slots without words of their own. A program of few small blocks has no pages, and none
// of their waste.
//
// Cost. Every call takes constant time. An allocation looks at up to five words of the bitmap and
// four lists, takes one block out of its list and puts what remains into another. A release takes
// up to two free neighbours out of their lists and puts the whole into one. On a Cortex-M4 (-Os,
// Checks::basic) that is at most 119 instructions and 116, and 163 where the last slot of a page
// becomes free; tests/bench/target counts them. An allocation that cannot be met fails in 56.
//
// Shortcomings. Of the list that a request's own size falls into only the first block is looked at:
// another that would do, at most an eighth larger than the request, may be overlooked. Nothing is
// smaller than 8 bytes. Where sizes have 16 bits, a region is used up to 32 KiB. Pages are
// opened at the top only, so they do not come in other regions, nor where the top is used up.
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
#include "rsb/internal/blocks/deferred_frees.hpp"
#include "rsb/internal/blocks/request.hpp"
#include "rsb/internal/small/small_block.hpp"
#include "rsb/internal/small/small_pages.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/page_source.hpp"

namespace rsb {

struct SmallOptions {
  Checks checks = Checks::basic;

  // Bytes; sets how many lists there are. 0: as large as the first region. A region added later is
  // used up to it.
  size_t largest_region = 0;

  // Whether many blocks of the same size, up to 64 bytes, share pages, without words of their own.
  // Without there is less code, each block takes 4 bytes more, and each call fewer steps.
  bool pages = true;

  // How many blocks that deallocate_nowait() left behind one call takes over, at most; 0: the heap
  // has no deallocate_nowait(), and no code or data for it. With a lock that masks interrupts, what
  // is masked at a time is the work of a call, and of as many releases.
  unsigned deferred_batch = 0;
};

// All blocks are in one region of DeferredFrees, which no region added or removed changes.
template <bool has_any>
struct SmallDeferred {};
template <>
struct SmallDeferred<true> {
  DeferredFrees frees;
  DeferredFrees::Region region;
  size_t bytes_ahead = 0;  // allocated while blocks waited to be taken over
};

template <class C>
concept SmallHeapConfig =
    Lock<typename C::Lock> && SameAs<decltype(C::options), const SmallOptions>;

// What a heap turns to before it fails: the configuration's Pages, and a handler.
template <class C>
concept HasRecourse = requires {
  typename C::Pages;
}
|| requires {
  C::exhausted();
};

template <class C>
struct SmallRegions {
  static Region next() noexcept { return {}; }
};
template <class C>
requires requires {
  typename C::Pages;
}
struct SmallRegions<C> {
  static_assert(
      GivesRegions<typename C::Pages>,
      "the Pages of a small heap, which acquires none, must have next_region(): noexcept, "
      "and it returns an rsb::Region");
  Region next() noexcept { return pages.next_region(); }
  typename C::Pages pages;
};

template <class C>
struct SmallRecourse {};
template <HasRecourse C>
struct SmallRecourse<C> {
  [[no_unique_address]] SmallRegions<C> regions;
  OutOfMemoryHandler handler = nullptr;
  size_t failures = 0;
};

template <SmallHeapConfig Config>
class SmallHeap {
 public:
  static constexpr SmallOptions options = Config::options;
  static constexpr bool checked = options.checks != Checks::off;
  static constexpr size_t granule = SmallBlock::granule;

  constexpr SmallHeap() noexcept = default;
  SmallHeap(const SmallHeap&) = delete;
  SmallHeap& operator=(const SmallHeap&) = delete;

  // ---- Allocating ----

  // Aligned as malloc's: to 8 bytes, and to the granule from 16 bytes up. size may be 0. Null:
  // there is no free block for it.
  [[nodiscard, gnu::always_inline]] void* allocate(size_t size) noexcept {
    lock_.lock();
    Held held(lock_);
    if (size >= limit_) [[unlikely]] {
      if constexpr (!has_recourse) return nullptr;
      held.hand_over();
      return allocate_locked(size, 0);
    }
    if constexpr (defers) {
      if (has_deferred()) [[unlikely]] {
        held.hand_over();
        return allocate_locked(size, 0);
      }
    }
    void* const block = take_any(size);
    if constexpr (defers || has_recourse) {
      if (block == nullptr) [[unlikely]] {
        held.hand_over();
        return allocate_locked(size, 0);
      }
    }
    return block;
  }

  // Aligned to `alignment`, a power of two or 0. Null also if it is no power of two. Beyond the
  // granule a free block with room for the worst case is needed, and what is too much given back.
  [[nodiscard]] void* allocate(size_t size, size_t alignment) noexcept {
    return allocate(size, alignment, Fill::none);
  }

  // Fill::zero: all of usable_size() bytes are zero.
  [[nodiscard, gnu::noinline]] void* allocate(size_t size, size_t alignment, Fill fill) noexcept {
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    void* const block = alignment <= granule ? allocate(larger(size, alignment))
                                             : allocate_aligned(size, alignment);
    if (fill == Fill::zero && block != nullptr) __builtin_memset(block, 0, usable_size(block));
    return block;
  }

  // malloc's alignment; all of usable_size() bytes are zero.
  [[nodiscard]] void* allocate_zeroed(size_t size) noexcept {
    return allocate(size, 0, Fill::zero);
  }

  // ---- Releasing ----

  // Null does nothing. With Checks::basic, what is not the start of a live block is a fault:
  // for certain if it is in a page or outside the regions, else with odds of a thousand to one, by
  // the tag in its word.

  [[gnu::always_inline]] void deallocate(void* block) noexcept {
    if (block == nullptr) return;
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
  void deallocate(void* block, size_t size, size_t alignment) noexcept {
    deallocate(block, alignment <= granule ? larger(size, alignment) : size);
  }

  // As the sized deallocate() does before it releases: faults if a block of this heap is not of
  // this size. What is not in this heap may be another's.
  void expect_size(const void* block, size_t size) noexcept {
    if constexpr (checked) {
      if (may_own(block)) refuse_other_size(const_cast<void*>(block), size);
    }
  }
  void expect_size(const void* block, size_t size, size_t alignment) noexcept {
    expect_size(block, alignment <= granule ? larger(size, alignment) : size);
  }

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
    if ((alignment & (alignment - 1)) != 0) return nullptr;
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
    deferred_.frees.push(deferred_.region, block, room, [] { return false; });
  }

  // ---- Resizing ----

  // The block, perhaps elsewhere, with its contents up to the smaller size and malloc's alignment.
  // Null: there is no memory, and the old block is as it was. Smaller, it stays where it is, slots
  // aside; larger, it takes what is free behind it, if that is enough. Copies without the lock.
  [[nodiscard]] void* reallocate(void* block, size_t size) noexcept {
    return reallocate(block, size, 0);
  }

  // The block as allocate(size, alignment) would return it; where it is only if it is aligned so.
  [[nodiscard]] void* reallocate(void* block, size_t size, size_t alignment) noexcept {
    if (block == nullptr) return allocate(size, alignment);
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    if (alignment <= granule) size = larger(size, alignment);
    const size_t old_bytes = usable_size(block);
    const bool may_stay = alignment <= granule || is_aligned(block, alignment);
    if (may_stay && resize(block, size)) return block;
    const Insist insist = may_stay && size <= old_bytes ? Insist::no : Insist::yes;
    lock_.lock();
    void* const copy = allocate_locked(size, alignment, insist);
    if (copy == nullptr) {
      if (insist == Insist::yes) return nullptr;
      // A block can always become smaller: its slot is larger than its size says.
      store_relaxed(&shrunk_in_place_, true);
      return block;
    }
    __builtin_memcpy(copy, block, smaller(old_bytes, size));
    deallocate(block);
    return copy;
  }

  // Whether the address lies among the blocks of one of the regions.
  bool may_own(const void* p) noexcept {
    Guard guard(lock_);
    return bytes_from(first_, p) < first_bytes_ || lies_in_later(p);
  }

  // Bytes of a live block that may be used; 0 for null.
  size_t usable_size(const void* block) noexcept {
    if (block == nullptr) return 0;
    Guard guard(lock_);
    return usable_bytes(const_cast<void*>(block));
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
  // they came from: 0, since regions stay until they are taken out.
  size_t trim() noexcept {
    if constexpr (defers) {
      HeapGuard guard(lock_);
      take_over_all(guard);
    }
    return 0;
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
  size_t add_region(void* base, size_t bytes) noexcept {
    Guard guard(lock_);
    return begin_region(base, bytes);
  }

  // Takes a region out again, given by the same arguments: returns the bytes that are not
  // allocatable any more, and the memory is the caller's. 0, and nothing has changed, while
  // something in it is in use, if it is the first one, or there is no such region. Where there are
  // several cores, none may still be in a deallocate_nowait() that began before this call when the
  // memory is used for something else: the checks there look at every region without the lock.
  [[nodiscard]] size_t remove_region(void* base, size_t bytes) noexcept {
    HeapGuard guard(lock_);
    if constexpr (defers) take_over_all(guard);
    leave_out_null(base, bytes);
    const char* const begin = align_up(base, alignof(SmallPages));
    for (Region** at = &later_; *at != nullptr; at = &(*at)->next) {
      Region* const region = *at;
      if (reinterpret_cast<char*>(region) != begin) continue;
      SmallBlock* const all = SmallBlock::of(region->payload);
      // The word of a used block is odd.
      if (all->free_bytes() != region->bytes || region->bytes > bytes) return 0;
      remove(all);
      *at = region->next;
      return region->bytes;
    }
    return 0;
  }

 private:
  template <SmallHeapConfig>
  friend class SmallHeapInspector;

  using HeapGuard = Guard<typename Config::Lock>;

  static constexpr bool defers = options.deferred_batch != 0;
  static constexpr bool has_recourse = HasRecourse<Config>;
  static constexpr size_t most_lists = 160;
  static constexpr unsigned window = 3;
  static constexpr size_t smallest_region = 512;

  // Lies at the beginning of each later region.
  struct Region {
    Region* next;
    char* payload;            // of the first block
    SmallBlock::Bytes bytes;  // of all blocks
  };

  // ---- Sizes ----

  using Bytes = SmallBlock::Bytes;

  static constexpr Bytes block_bytes(size_t size) noexcept {
    const size_t bytes = align_up(size + SmallBlock::word_bytes, granule);
    return integer_cast<Bytes>(larger(bytes, SmallBlock::least));
  }

  // bytes / granule while it is below 16, then eight lists a doubling.
  [[gnu::always_inline]] static constexpr unsigned list_of(size_t bytes) noexcept {
    const size_t granules = bytes / granule;
    constexpr unsigned bits = sizeof granules * CHAR_BIT;
    const unsigned shift = bits - 4 - leading_zeros(granules | 8);
    return integer_cast<unsigned>(granules >> shift) + 8 * shift;
  }

  // ---- Taking blocks ----

  // The size is below limit_.
  [[gnu::always_inline]] void* take_any(size_t size) noexcept {
    if (options.pages && size <= SmallPage::largest_slot) {
      const size_t bin = SmallPages::bin_of(size);  // 0 for no bytes, which get a block
      if (char* const slots = pages_->with_free_slots(bin)) {
        return pages_->take_slot(SmallPage(slots), bin);
      }
    }
    return take(size);
  }

  [[gnu::always_inline]] void* take(size_t size) noexcept {
    const Bytes bytes = block_bytes(size);
    SmallBlock* const block = best_of_lists(bytes);
    if (block != nullptr) return cut(block, bytes);
    return top_bytes_ >= bytes ? cut_top(bytes, size) : nullptr;
  }

  // The theory is above, under "Which block". Null: no list has one.
  [[gnu::always_inline]] SmallBlock* best_of_lists(Bytes bytes) noexcept {
    const unsigned list = list_of(bytes);
    unsigned i = list / 32;
    uint32_t bits = bitmap_[i] >> (list % 32);
    if ((bits & 1) != 0 && lists_[list]->free_bytes() < bytes) bits--;
    bits <<= list % 32;
    if (bits == 0) {
      do {
        bits = bitmap_[++i];
      } while (bits == 0);  // up to the bit of a list that stays empty
    }
    const unsigned first = lowest_bit(bits);
    bits >>= first;
    SmallBlock** const lists = &lists_[32 * i + first];
    SmallBlock* block = lists[0];
    if (block == nullptr) return nullptr;
    if ((bits & 2) != 0 && lists[1] < block) block = lists[1];
    if ((bits & 4) != 0 && lists[2] < block) block = lists[2];
    if (block == nullptr) __builtin_unreachable();
    return block;
  }

  [[gnu::always_inline]] void* cut(SmallBlock* block, Bytes bytes) noexcept {
    const Bytes all = block->free_bytes();
    remove(block);
    const Bytes rest = all - bytes;
    if (rest < SmallBlock::least) {
      block->behind(all)->clear_previous_free();
      bytes = all;
    } else {
      insert(block->behind(bytes), rest);
    }
    return use(block, bytes);
  }

  static void* use(SmallBlock* block, Bytes bytes) noexcept {
    block->template become_used<options.checks>(bytes | SmallBlock::used);
    return block->payload();
  }

  // The top is large enough for the block.
  [[gnu::noinline]] void* cut_top(Bytes bytes, size_t size) noexcept {
    if (options.pages && size <= SmallPage::largest_slot) {
      const size_t bin = SmallPages::bin_of(larger(size, 1));
      if (pages_->is_due(bin)) {
        if (void* const slot = open_page(bin)) return slot;
      }
    }
    SmallBlock* const block = top_;
    move_top(block->behind(bytes), top_bytes_ - bytes);
    return use(block, bytes);
  }

  // There is nothing behind the top but the region's end; it looks free, so that what becomes free
  // before it looks whose it is.
  void move_top(SmallBlock* top, Bytes bytes) noexcept {
    top_ = top;
    top_bytes_ = bytes;
    top->word() = 0;
  }

  void* allocate_aligned(size_t size, size_t alignment) noexcept {
    lock_.lock();
    return allocate_locked(size, alignment);
  }

  // With the lock held, which it gives up: by all means.
  [[gnu::noinline]] void* allocate_locked(size_t size, size_t alignment,
                                          Insist insist = Insist::yes) noexcept {
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
    } while (insist == Insist::yes && may_try_again(guard, size));
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

  bool has_list(size_t size, size_t alignment) const noexcept {
    return size < limit_ && alignment < limit_ && size + alignment + SmallBlock::least < limit_;
  }

  // Enough to find an aligned block in, and never a slot.
  static constexpr size_t with_slack(size_t size, size_t alignment) noexcept {
    return larger(size + alignment + SmallBlock::least, SmallPage::largest_slot + 1);
  }

  // Cuts the aligned block out of the one at p, and gives back the rest.
  [[gnu::always_inline]] void* align(void* p, size_t size, size_t alignment) noexcept {
    SmallBlock* block = SmallBlock::of(p);
    Bytes bytes = SmallBlock::bytes_in(block->template use_word<options.checks>());
    if (!is_aligned(p, alignment)) {
      char* const aligned = align_up(static_cast<char*>(p) + SmallBlock::least, alignment);
      const Bytes before = integer_cast<Bytes>(bytes_from(p, aligned));
      bytes -= before;
      use(SmallBlock::of(aligned), bytes);
      release_block(block, before);
      block = SmallBlock::of(aligned);
    }
    shorten(block, bytes, block_bytes(size));
    return block->payload();
  }

  // ---- What was released without waiting ----

  static constexpr DeferredFrees::Room room = DeferredFrees::Room::link_and_mark;

  bool has_deferred() const noexcept { return deferred_.frees.any(); }

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
      void* const block = deferred_.frees.pop();
      if (block == nullptr) break;
      usable_bytes(block);  // faults if it is no live block
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
    const size_t most = first_bytes_ / 16;
    if (bytes > most || bytes + SmallBlock::least > most - deferred_.bytes_ahead) return true;
    deferred_.bytes_ahead += bytes + SmallBlock::least;
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

  // Without giving up the lock.
  [[gnu::noinline]] void* take_at_once(size_t size, size_t alignment) noexcept {
    const bool is_natural = alignment <= granule;
    if (!is_natural && !has_list(size, alignment)) return nullptr;
    const size_t wanted = is_natural ? larger(size, alignment) : with_slack(size, alignment);
    if (wanted >= limit_) return nullptr;
    void* const p = take_any(wanted);
    return p == nullptr || is_natural ? p : align(p, size, alignment);
  }

  // All that is read here holds still while the block lives: the bit and the size of its page, its
  // bit there, and the tag and the flag of its word.
  void refuse_without_lock(void* p) noexcept {
    const size_t offset = bytes_from(first_, p);
    const size_t page = page_in_first(offset);
    if (first_bytes_ == 0 || !DeferredFrees::reaches(deferred_.region, p)) {
      raise(Fault::foreign_pointer, p);
    }
    if (page != 0) {
      const SmallPage at(pages_->at(page));
      const size_t into = bytes_from(at.slots(), p);
      if (!at.is_live(into)) raise(at.fault_at(into), p);
    } else {
      if (!is_aligned(p, granule)) raise(Fault::misaligned_pointer, p);
      if (offset >= first_bytes_ && !lies_in_later(p)) raise(Fault::foreign_pointer, p);
      SmallBlock* const block = SmallBlock::of(p);
      if (!SmallBlock::is_tag_right(block->template use_word<options.checks>())) {
        raise(block->is_used() ? Fault::interior_pointer : Fault::double_free, p);
      }
    }
    if (deferred_.frees.is_pushed(deferred_.region, p)) raise(Fault::double_free, p);
  }

  // ---- Giving back ----

  [[gnu::always_inline]] void release(void* p) noexcept {
    if (const size_t page = page_of(p)) return release_slot(page, p);
    const uint32_t word = live_word(p);
    // Inline where few programs have another copy of it: releasing a page is one.
    if constexpr (options.pages) {
      release_block(SmallBlock::of(p), word);
    } else {
      merge(SmallBlock::of(p), word);
    }
  }

  // The page that p lies in; 0: none. Faults if p is not ours.
  [[gnu::always_inline]] size_t page_of(void* p) noexcept {
    const size_t offset = bytes_from(first_, p);
    if (offset < first_bytes_) [[likely]]
      return page_in_first(offset);
    if constexpr (checked) refuse_foreign(p);
    return 0;
  }

  // As page_of(), by the distance from the first block.
  [[gnu::always_inline]] size_t page_in_first(size_t offset) const noexcept {
    if (!options.pages || offset >= first_bytes_) return 0;
    const size_t page = SmallPages::number_at(offset);
    return pages_->has(page) ? page : 0;
  }

  // Size and flags of what should be a block in use.
  [[gnu::always_inline]] uint32_t live_word(void* p) noexcept {
    if (checked && !is_aligned(p, granule)) [[unlikely]]
      fail(Fault::misaligned_pointer, p);
    const uint32_t word = SmallBlock::of(p)->template use_word<options.checks>();
    if (checked && !SmallBlock::is_tag_right(word)) [[unlikely]]
      refuse(SmallBlock::of(p));
    return word;
  }

  // A copy of merge() for all that need no speed.
  [[gnu::noinline]] void release_block(SmallBlock* block, uint32_t word) noexcept {
    merge(block, word);
  }

  // Puts a block that was in use into a list, with what is free before and behind it. `word`: its
  // size and flags.
  [[gnu::always_inline]] void merge(SmallBlock* block, uint32_t word) noexcept {
    Bytes bytes = SmallBlock::bytes_in(word);
    SmallBlock* const next = block->behind(bytes);
    if ((word & SmallBlock::previous_free) != 0) {
      if constexpr (checked) block->word() = 0;  // so that it no longer looks like one in use
      bytes += block->bytes_before();
      block = block->previous();
      remove(block);
    }
    if (next->is_used()) {
      next->set_previous_free();
    } else if (next == top_) {
      return grow_top(block, bytes);
    } else {
      bytes += next->free_bytes();
      remove(next);
    }
    insert(block, bytes);
  }

  void grow_top(SmallBlock* block, Bytes bytes) noexcept {
    move_top(block, top_bytes_ + bytes);
    if constexpr (options.pages) pages_->forget_misses();
  }

  // Gives back what a used block has behind its first `wanted` bytes.
  void shorten(SmallBlock* block, Bytes bytes, Bytes wanted) noexcept {
    if (bytes - wanted < SmallBlock::least) return;
    const uint32_t flags = block->template use_word<options.checks>() & SmallBlock::previous_free;
    block->template become_used<options.checks>(wanted | SmallBlock::used | flags);
    release_block(block->behind(wanted), bytes - wanted);
  }

  // ---- Lists ----

  [[gnu::always_inline]] void insert(SmallBlock* block, Bytes bytes) noexcept {
    block->become_free(bytes);
    const unsigned list = list_of(bytes);
    bitmap_[list / 32] |= uint32_t{1} << (list % 32);
    SmallBlock** at = &lists_[list];
    if (*at != nullptr && *at < block) at = &(*at)->links().next;
    SmallBlock* const next = *at;
    *at = block;
    block->links() = {next, at};
    if (next != nullptr) next->links().back = &block->links().next;
  }

  [[gnu::always_inline]] void remove(SmallBlock* block) noexcept {
    SmallBlock* const next = block->links().next;
    SmallBlock** const at = block->links().back;
    if (checked && *at != block) [[unlikely]]
      fail(Fault::overwritten_link, block->payload());
    *at = next;
    if (next != nullptr) {
      next->links().back = at;
    } else {
      const size_t list = bytes_from(lists_, at) / sizeof *at;
      if (list < most_lists) bitmap_[list / 32] &= ~(uint32_t{1} << (list % 32));
    }
  }

  // ---- Slots ----

  // Null: there is no room at the top.
  void* open_page(size_t bin) noexcept {
    const size_t into = bytes_from(first_, top_->payload());
    size_t offset = (into + SmallPage::bytes - 1) / SmallPage::bytes * SmallPage::bytes;
    // What remains before the page must be nothing or a block.
    if (offset != into && offset - into < SmallBlock::least) offset += SmallPage::bytes;
    const size_t gap = offset - into;
    if (top_bytes_ < gap + SmallPage::bytes) return nullptr;
    SmallBlock* const before = top_;
    move_top(before->behind(gap + SmallPage::bytes),
             integer_cast<Bytes>(top_bytes_ - gap - SmallPage::bytes));
    const SmallPage page = pages_->open(SmallPages::number_at(offset), bin);
    if (gap != 0) release_block(before, integer_cast<uint32_t>(gap));
    return pages_->take_slot(page, bin);
  }

  [[gnu::noinline]] void release_slot(size_t number, void* p) noexcept {
    const SmallPage page(pages_->at(number));
    if (!pages_->release_slot(number, page, slot_of(page, p))) return;
    release_block(SmallBlock::of(page.slots()),
                  (page.word() & SmallBlock::previous_free) | uint32_t{SmallPage::bytes});
  }

  // Faults if p is not a slot in use.
  size_t slot_of(SmallPage page, void* p) noexcept {
    const size_t offset = bytes_from(page.slots(), p);
    if (checked && !page.is_live(offset)) refuse_slot(page, offset);
    return offset / page.slot_bytes();
  }

  // ---- Sizes of live blocks ----

  size_t usable_bytes(void* p) noexcept {
    if (const size_t page = page_of(p)) {
      const SmallPage at(pages_->at(page));
      slot_of(at, p);
      return at.slot_bytes();
    }
    return SmallBlock::bytes_in(live_word(p)) - SmallBlock::word_bytes;
  }

  // True: the block is now right for `size`, where it is.
  [[gnu::noinline]] bool resize(void* p, size_t size) noexcept {
    Guard guard(lock_);
    take_over_some();
    if (size >= limit_) return false;
    if (const size_t page = page_of(p)) {
      const SmallPage at(pages_->at(page));
      slot_of(at, p);
      return size <= SmallPage::largest_slot && SmallPages::bin_of(size) * 8 == at.slot_bytes();
    }
    const uint32_t word = live_word(p);
    SmallBlock* const block = SmallBlock::of(p);
    Bytes bytes = SmallBlock::bytes_in(word);
    const Bytes wanted = block_bytes(size);
    if (wanted > bytes) {
      SmallBlock* const next = block->behind(bytes);
      const Bytes missing = wanted - bytes;
      if (next->is_used()) return false;
      if constexpr (defers) {
        if (has_deferred() && runs_ahead(missing)) return false;
      }
      if (next == top_) {
        if (top_bytes_ < missing) return false;
        move_top(next->behind(missing), top_bytes_ - missing);
        bytes = wanted;
      } else {
        if (next->free_bytes() < missing) return false;
        remove(next);
        bytes += next->free_bytes();
        block->behind(bytes)->clear_previous_free();
      }
      block->template become_used<options.checks>(bytes | (word & SmallBlock::previous_free) |
                                                  SmallBlock::used);
    }
    shorten(block, bytes, wanted);
    return true;
  }

  // ---- Regions ----

  size_t begin_region(void* base, size_t bytes) noexcept {
    if (exceeds_addresses(base, bytes)) fail(Fault::bad_pages, base);
    leave_out_null(base, bytes);
    char* const begin = align_up(base, alignof(SmallPages));
    const size_t skipped = bytes_from(base, begin);
    if (bytes < skipped + smallest_region) return 0;
    bytes -= skipped;
    return lists_ == nullptr ? begin_first(begin, bytes) : begin_later(begin, bytes);
  }

  // The next one that Config::Pages has and that is not too small. False: there is none.
  bool add_next_region() noexcept {
    if constexpr (has_recourse) {
      for (auto next = recourse_.regions.next(); !next.is_none(); next = recourse_.regions.next()) {
        if (begin_region(next.base, next.bytes) != 0) return true;
      }
    }
    return false;
  }

  size_t begin_first(char* begin, size_t bytes) noexcept {
    const size_t most = smaller(larger(bytes, options.largest_region), SmallBlock::most);
    const unsigned last_list = list_of(most) + window;  // stays empty: see best_of_lists()
    constexpr size_t pages_bytes = options.pages ? sizeof(SmallPages) : 0;
    SmallBlock** const lists = reinterpret_cast<SmallBlock**>(begin + pages_bytes);
    uint32_t* const bits = reinterpret_cast<uint32_t*>(lists + last_list + 1);
    uint32_t* const bits_end = bits + (options.pages ? SmallPages::words_for(bytes) : 0);
    char* const first = align_up(bits_end + 1, granule);
    if (bytes_from(begin, first) + 2 * SmallBlock::least > bytes) return 0;
    __builtin_memset(begin, 0, bytes_from(begin, bits_end));
    if constexpr (options.pages) {
      pages_ = reinterpret_cast<SmallPages*>(begin);
      pages_->begin(first, bits);
    }
    lists_ = lists;
    bitmap_[last_list / 32] = uint32_t{1} << last_list % 32;
    first_ = first;
    // The last block's word would be at the end; there is that of the top when it is empty.
    first_bytes_ = smaller((bytes - bytes_from(begin, first)) & ~(granule - 1), SmallBlock::most);
    limit_ = most - SmallBlock::least;
    if constexpr (defers) {
      // As much before the first region as behind it, if there is as much.
      constexpr size_t reach = DeferredFrees::Region::reach;
      constexpr size_t half = reach != SIZE_MAX ? reach / 2 & ~size_t{15} : reach;
      const uintptr_t at = address_of(first);
      const uintptr_t base = at > half ? at - half : granule;
      deferred_.frees.add(deferred_.region, reinterpret_cast<char*>(base));
    }
    move_top(SmallBlock::of(first), integer_cast<Bytes>(first_bytes_));
    return first_bytes_;
  }

  size_t begin_later(char* begin, size_t bytes) noexcept {
    char* const first = align_up(begin + sizeof(Region) + SmallBlock::word_bytes, granule);
    if constexpr (defers) {
      if (!DeferredFrees::reaches(deferred_.region, first) ||
          !DeferredFrees::reaches(deferred_.region, begin + (bytes - 1))) {
        return 0;
      }
    }
    Region& region = *reinterpret_cast<Region*>(begin);
    region.payload = first;
    // Behind the blocks is a word that looks used, where nothing can merge with.
    bytes = smaller(bytes - bytes_from(begin, first), limit_) & ~(granule - 1);
    region.bytes = integer_cast<Bytes>(bytes);
    region.next = later_;
    later_ = &region;
    SmallBlock* const all = SmallBlock::of(region.payload);
    all->behind(bytes)->word() = SmallBlock::used | SmallBlock::previous_free;
    insert(all, region.bytes);
    return bytes;
  }

  // ---- Faults ----

  [[gnu::noinline]] void refuse_foreign(void* p) noexcept {
    if (!lies_in_later(p)) fail(Fault::foreign_pointer, p);
  }

  bool lies_in_later(const void* p) const noexcept {
    for (const Region* region = later_; region != nullptr; region = region->next) {
      if (bytes_from(region->payload, p) < region->bytes) return true;
    }
    return false;
  }

  // What looks like no block in use; where its word was overwritten, it may be one.
  [[noreturn, gnu::cold, gnu::noinline]] void refuse(SmallBlock* block) noexcept {
    fail(block->is_used() ? Fault::interior_pointer : Fault::double_free, block->payload());
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_slot(SmallPage page, size_t offset) noexcept {
    fail(page.fault_at(offset), page.slots() + offset);
  }

  [[gnu::noinline]] void refuse_other_size(void* p, size_t size) noexcept {
    Guard guard(lock_);
    const size_t usable = usable_bytes(p);
    const bool is_slot = page_of(p) != 0;
    const size_t least =
        is_slot ? SmallPages::bin_of(size) * 8 : block_bytes(size) - SmallBlock::word_bytes;
    if (size < limit_ && usable >= least && (usable == least || !is_slot) &&
        usable - least < SmallBlock::least) {
      return;
    }
    if (size <= usable && load_relaxed(&shrunk_in_place_)) return;
    fail(Fault::size_mismatch, p);
  }

  [[noreturn, gnu::cold, gnu::noinline]] void fail(Fault fault, const void* p) noexcept {
    lock_.unlock();
    raise(fault, p);
  }

  uint32_t bitmap_[most_lists / 32] = {};  // of the lists that are not empty, and the last one
  SmallBlock** lists_ = nullptr;           // by list_of(), and `window` that stay empty
  SmallBlock* top_ = nullptr;              // where nothing of the first region was allocated yet
  SmallBlock::Bytes top_bytes_ = 0;
  SmallPages* pages_ = nullptr;
  size_t limit_ = 0;        // from this size on, requests have no list; without memory, all
  char* first_ = nullptr;   // payload of the first region's first block
  size_t first_bytes_ = 0;  // of its blocks and the top
  Region* later_ = nullptr;
  bool shrunk_in_place_ = false;
  [[no_unique_address]] SmallDeferred<defers> deferred_;
  [[no_unique_address]] SmallRecourse<Config> recourse_;
  [[no_unique_address]] typename Config::Lock lock_;
};

}  // namespace rsb
