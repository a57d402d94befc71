// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks at a small heap from outside: statistics, a walk over all live blocks, and a check of every
// invariant. For tests, tools and post-mortems; holds the heap's lock meanwhile, for as long as it
// takes to look at every block: not for where interrupts must not wait.
#pragma once

#include "rsb/internal/blocks/description.hpp"
#include "rsb/internal/full/guarded_inspector.hpp"
#include "rsb/small_heap.hpp"

namespace rsb {

// All are bytes if not said otherwise.
struct SmallStats {
  size_t live_blocks;       // how many
  size_t live_bytes;        // usable ones of live blocks
  size_t free_blocks;       // how many; the top is none
  size_t free_bytes;        // of free blocks and the top, words included
  size_t least_free_bytes;  // the least that it ever was; SIZE_MAX if it is not counted
  size_t largest_request;   // the largest that allocate() would now meet; 0: none
  size_t region_bytes;      // of all blocks, free and used
  size_t metadata_bytes;    // of lists and tables, and what describes later regions
  size_t regions;           // how many
  size_t deferred_blocks;   // how many live ones wait after deallocate_nowait()
  size_t failures;          // how many allocations returned null; 0 if they are not counted

  // How much of the free memory the largest request does not reach: 0 if it is all in one piece.
  size_t fragmentation_percent() const noexcept {
    if (free_bytes == 0) return 0;
    return 100 - (largest_request * 100 + free_bytes / 2) / free_bytes;
  }

  // As rsb.h has them; a small heap has no bins.
  explicit operator rsb_stats() const noexcept {
    rsb_stats s{};
    s.live_blocks = live_blocks;
    s.live_bytes = live_bytes;
    s.used_bytes = region_bytes - free_bytes;
    if (least_free_bytes != SIZE_MAX) s.peak_used_bytes = region_bytes - least_free_bytes;
    s.free_bytes = free_bytes;
    s.acquired_bytes = region_bytes;
    s.peak_acquired_bytes = region_bytes;
    s.metadata_bytes = metadata_bytes;
    s.failures = failures;
    s.longest_run_bytes = largest_request;
    s.largest_block_bytes = largest_request;
    s.deferred_blocks = deferred_blocks;
    return s;
  }
};

// What a piece of a region is used for.
enum class SmallUse : uint8_t {
  free,   // nothing
  block,  // one block
  table,  // the heap itself: a table that has moved
  top,    // nothing yet: what remains of the first region
};

struct SmallPiece {
  const void* base;
  size_t bytes;
  SmallUse use;
};

template <SmallHeapConfig Config>
class SmallHeapInspector {
  using TheHeap = SmallHeap<Config>;
  using Marks = typename TheHeap::Marks;
  using Block = typename TheHeap::Block;

 public:
  static constexpr size_t bins = 0;

  explicit SmallHeapInspector(TheHeap& the_heap) noexcept : heap_(the_heap) {}

  [[gnu::cold]] SmallStats stats() noexcept {
    return stats([](SmallStats&) {});
  }
  // also(SmallStats&): what there is to say besides, at the same moment. It must not call the heap.
  template <class Also>
  [[gnu::cold]] SmallStats stats(Also also) noexcept {
    Guard guard(heap_.lock_);
    SmallStats s{};
    s.least_free_bytes = SIZE_MAX;
    if constexpr (TheHeap::has_recourse) s.failures = heap_.recourse_.failures;
    if (!heap_.has_region()) return s;
    for_each_piece([&](const SmallRegion&, const SmallPiece& piece) {
      if (piece.use == SmallUse::table) {
        s.metadata_bytes += piece.bytes;
        return true;
      }
      s.region_bytes += piece.bytes;
      if (piece.use == SmallUse::block) {
        s.live_blocks++;
        s.live_bytes += piece.bytes - TheHeap::block_overhead;
      } else {
        s.free_blocks += piece.use == SmallUse::free;
        s.free_bytes += piece.bytes;
      }
      return true;
    });
    s.largest_request = heap_.largest_request_now();
    if constexpr (TheHeap::options.statistics) {
      s.least_free_bytes = smaller(heap_.statistics_.least, heap_.statistics_.free);
    }
    for (const SmallRegion* r = &heap_.regions_.first(); r != nullptr; r = r->next) {
      s.regions++;
      s.metadata_bytes += bytes_from(r->base, r->first);
    }
    if constexpr (TheHeap::defers) s.deferred_blocks = heap_.deferred_.frees.count();
    also(s);
    return s;
  }

  // There are no bins: all 0.
  template <class... Also>
  [[gnu::cold]] rsb_bin_stats bin_stats(size_t, Also...) noexcept {
    return {};
  }

  // What the address points into, see rsb_describe(). Linear in the number of the region's blocks.
  [[gnu::cold]] Description describe(const void* address) noexcept {
    return description_of(heap_.place_of(address), address);
  }

  // Calls visit(const SmallPiece&) for every piece of the regions until it returns false; returns
  // false in that case. The pieces of a region come by ascending address and without a gap, the
  // first region before the others. The visitor must not call the heap.
  template <class Visitor>
  [[gnu::cold]] bool walk_pieces(Visitor&& visit) noexcept {
    Guard guard(heap_.lock_);
    return for_each_piece(
        [&](const SmallRegion&, const SmallPiece& piece) { return visit(piece); });
  }

  // Calls visit(void* block, size_t usable_bytes) for every live block until it returns false;
  // returns false in that case. The visitor must not call the heap. What
  // deallocate_nowait() was given counts as live.
  template <class Visitor>
  [[gnu::cold]] bool walk(Visitor&& visit) noexcept {
    Guard guard(heap_.lock_);
    return for_each_piece([&](const SmallRegion&, const SmallPiece& piece) {
      if (piece.use != SmallUse::block) return true;
      return visit(const_cast<void*>(piece.base), piece.bytes - TheHeap::block_overhead);
    });
  }

  // Null if every invariant holds; else a sentence that names one that does not.
  [[gnu::cold]] const char* check() noexcept {
    Guard guard(heap_.lock_);
    broken_ = nullptr;
    if (!heap_.has_region()) return nullptr;
    size_t free_blocks = 0;
    size_t free_bytes = 0;
    bool after_free = false;
    for_each_piece([&](const SmallRegion& its_region, const SmallPiece& piece) {
      const bool is_free = piece.use == SmallUse::free;
      if (piece.base == its_region.first) after_free = false;
      if (piece.use == SmallUse::top) {
        require(!after_free, "the top has no free block before it");
      } else {
        const char* const broken =
            Marks::check(its_region, static_cast<const char*>(piece.base), after_free);
        require(broken == nullptr, broken);
        require(!is_free || !after_free, "two free blocks never lie side by side");
      }
      if (is_free) {
        free_blocks++;
        const Block* const the_block = static_cast<const Block*>(piece.base);
        const char* const broken = broken_ == nullptr ? heap_.broken_free(the_block) : nullptr;
        require(broken == nullptr, broken);
      }
      if (is_free || piece.use == SmallUse::top) free_bytes += piece.bytes;
      after_free = is_free;
      return broken_ == nullptr;
    });
    if (broken_ == nullptr) check_lists(free_blocks);
    if constexpr (TheHeap::options.statistics) {
      require(heap_.statistics_.free == free_bytes, "the count of free bytes is right");
    }
    return broken_;
  }

 private:
  void require(bool holds, const char* invariant) noexcept {
    if (!holds && broken_ == nullptr) broken_ = invariant;
  }

  // Until f(region, piece) returns false; returns false in that case.
  template <class F>
  bool for_each_piece(F&& f) noexcept {
    if (!heap_.has_region()) return true;
    for (SmallRegion* r = &heap_.regions_.first(); r != nullptr; r = r->next) {
      char* const end = r->first + r->bytes;
      for (char* at = r->first; at != end;) {
        SmallPiece piece{at, heap_.top_bytes_, SmallUse::top};
        if (at != heap_.top_) {
          piece.bytes = Marks::bytes_at(*r, at);
          if (Marks::is_free(*r, at)) {
            piece.use = SmallUse::free;
          } else {
            piece.use = heap_.is_hidden(*r, at) ? SmallUse::table : SmallUse::block;
          }
          if (piece.bytes < TheHeap::least_block || piece.bytes > bytes_from(at, end)) {
            require(false, "blocks fill their region");
            return false;
          }
        }
        if (!f(*r, piece)) return false;
        at += piece.bytes;
      }
    }
    return true;
  }

  void check_lists(size_t free_blocks) noexcept {
    using Lists = typename TheHeap::Lists;
    size_t listed = 0;
    const unsigned last = heap_.lists_.last();
    for (unsigned list = Lists::first_list; list <= last; list++) {
      Block** back = heap_.lists_.head(list);
      require(heap_.lists_.has(list) == (list == last || *back != nullptr),
              "the bitmap says which lists are empty");
      for (Block* b = *back; b != nullptr && broken_ == nullptr; b = *back) {
        require(Lists::list_of(Marks::free_bytes(b)) == list,
                "a free block is in the list of its size");
        require(b->back == back, "a list's links agree");
        back = &b->next;
        if (++listed > free_blocks) break;
      }
    }
    require(*heap_.lists_.head(last) == nullptr, "the last list is empty");
    require(listed == free_blocks, "every free block is in a list");
  }

  TheHeap& heap_;
  const char* broken_ = nullptr;
};

// With Checks::full.
template <SmallHeapConfig Config>
requires FullyChecked<Config>
class SmallHeapInspector<Config>
    : public GuardedInspector<SmallHeap<Config>, SmallHeapInspector<UnderGuards<Config>>> {
 public:
  using GuardedInspector<SmallHeap<Config>,
                         SmallHeapInspector<UnderGuards<Config>>>::GuardedInspector;
};

template <SmallHeapConfig Config>
SmallHeapInspector<Config> inspect(SmallHeap<Config>& heap) noexcept {
  return SmallHeapInspector<Config>(heap);
}

}  // namespace rsb
