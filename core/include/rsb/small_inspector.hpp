// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks at a small heap from outside: statistics, a walk over all live blocks, and a check of every
// invariant. For tests, tools and post-mortems; holds the heap's lock meanwhile, for as long as it
// takes to look at every block: not for where interrupts must not wait.
#pragma once

#include "rsb/small_heap.hpp"

namespace rsb {

// All are bytes if not said otherwise.
struct SmallStats {
  size_t live_blocks;      // how many
  size_t live_bytes;       // usable ones of live blocks
  size_t free_bytes;       // of free blocks and the top, words included; not of free slots
  size_t free_slot_bytes;  // in pages, for blocks of the page's size only
  size_t largest_request;  // the largest that allocate() would now meet; 0: none
  size_t region_bytes;     // of all blocks, free and used
  size_t metadata_bytes;   // of the first region's lists and bits
  size_t pages;            // how many
  size_t regions;          // how many
  size_t deferred_blocks;  // how many live ones wait after deallocate_nowait()
  size_t failures;         // how many allocations returned null; 0 if they are not counted

  // While blocks wait to be taken over, the largest request is a guess: what joins their lists may
  // come before the block that it saw.

  // How much of the free memory the largest request does not reach: 0 if it is all in one piece.
  size_t fragmentation_percent() const noexcept {
    if (free_bytes == 0) return 0;
    return 100 - (largest_request * 100 + free_bytes / 2) / free_bytes;
  }

  // As rsb.h has them.
  explicit operator rsb_stats() const noexcept {
    rsb_stats s{};
    s.live_blocks = live_blocks;
    s.live_bytes = live_bytes;
    s.used_bytes = region_bytes - free_bytes;
    s.free_bytes = free_bytes;
    s.acquired_bytes = region_bytes;
    s.peak_acquired_bytes = region_bytes;
    s.metadata_bytes = metadata_bytes;
    s.failures = failures;
    s.bins = SmallPage::sizes;
    s.longest_run_bytes = largest_request == 0 ? 0 : largest_request + SmallBlock::word_bytes;
    s.largest_block_bytes = largest_request;
    s.deferred_blocks = deferred_blocks;
    return s;
  }
};

// What a piece of a region is used for.
enum class SmallUse : uint8_t {
  free,   // nothing
  block,  // one block
  page,   // slots of one size
  top,    // nothing yet: what remains of the first region
};

struct SmallPiece {
  const void* base;
  size_t bytes;
  SmallUse use;
  size_t slot_bytes;  // SmallUse::page: of each slot; else 0
  size_t live;        // blocks handed out
};

template <SmallHeapConfig Config>
class SmallHeapInspector {
  using TheHeap = SmallHeap<Config>;
  using Region = typename TheHeap::Region;

 public:
  static constexpr size_t bins = SmallPage::sizes;

  explicit SmallHeapInspector(TheHeap& the_heap) noexcept : heap_(the_heap) {}

  [[gnu::cold]] SmallStats stats() noexcept {
    Guard guard(heap_.lock_);
    SmallStats s{};
    if constexpr (TheHeap::has_recourse) s.failures = heap_.recourse_.failures;
    if (heap_.lists_ == nullptr) return s;
    for_each_block([&](SmallBlock* the_block, size_t block_bytes) {
      s.region_bytes += block_bytes;
      if (is_page(the_block)) {
        const SmallPage the_page(the_block->payload());
        const size_t live_here = live_slots(the_page);
        s.pages++;
        s.free_slot_bytes += (the_page.slot_count() - live_here) * the_page.slot_bytes();
        s.live_blocks += live_here;
        s.live_bytes += live_here * the_page.slot_bytes();
      } else if (the_block->is_used()) {
        s.live_blocks++;
        s.live_bytes += block_bytes - SmallBlock::word_bytes;
      } else {
        s.free_bytes += block_bytes;
      }
      return true;
    });
    s.free_bytes += heap_.top_bytes_;
    s.region_bytes += heap_.top_bytes_;
    s.largest_request = largest_request();
    s.metadata_bytes = metadata_bytes();
    s.regions = 1;
    for (const Region* r = heap_.later_; r != nullptr; r = r->next) s.regions++;
    if constexpr (TheHeap::defers) s.deferred_blocks = heap_.deferred_.frees.count();
    return s;
  }

  // Of the pages that have slots of one size. `bin` must be below `bins`; they are in ascending
  // order of that size.
  [[gnu::cold]] rsb_bin_stats bin_stats(size_t bin) noexcept {
    Guard guard(heap_.lock_);
    rsb_bin_stats s{};
    s.slot_bytes = SmallPage::size(bin);
    for_each_block([&](SmallBlock* the_block, size_t) {
      const SmallPage the_page(the_block->payload());
      if (!is_page(the_block) || the_page.slot_bytes() != s.slot_bytes) return true;
      s.spans++;
      s.slots += the_page.slot_count();
      s.live += live_slots(the_page);
      return true;
    });
    return s;
  }

  // Calls visit(const SmallPiece&) for every piece of the regions until it returns false; returns
  // false in that case. The pieces of a region come by ascending address and without a gap, the
  // first region before the others. The visitor must not call the heap.
  template <class Visitor>
  [[gnu::cold]] bool walk_pieces(Visitor&& visit) noexcept {
    Guard guard(heap_.lock_);
    if (heap_.lists_ == nullptr) return true;
    const auto visit_block = [&](SmallBlock* the_block, size_t block_bytes) {
      if (is_page(the_block)) {
        const SmallPage the_page(the_block->payload());
        return visit(SmallPiece{the_block, block_bytes, SmallUse::page, the_page.slot_bytes(),
                                live_slots(the_page)});
      }
      const bool used = the_block->is_used();
      return visit(
          SmallPiece{the_block, block_bytes, used ? SmallUse::block : SmallUse::free, 0, used});
    };
    if (!for_each_block(SmallBlock::of(heap_.first_), heap_.top_, visit_block)) return false;
    if (heap_.top_bytes_ != 0 &&
        !visit(SmallPiece{heap_.top_, heap_.top_bytes_, SmallUse::top, 0, 0})) {
      return false;
    }
    return for_each_later_block(visit_block);
  }

  // Calls visit(void* block, size_t usable_bytes) for every live block until it returns false;
  // returns false in that case. The visitor must not call the heap. What
  // deallocate_nowait() was given counts as live.
  template <class Visitor>
  [[gnu::cold]] bool walk(Visitor&& visit) noexcept {
    Guard guard(heap_.lock_);
    return for_each_block([&](SmallBlock* the_block, size_t block_bytes) {
      if (is_page(the_block)) return walk_page(SmallPage(the_block->payload()), visit);
      if (!the_block->is_used()) return true;
      return visit(static_cast<void*>(the_block->payload()), block_bytes - SmallBlock::word_bytes);
    });
  }

  // Null if every invariant holds; else a sentence that names one that does not.
  [[gnu::cold]] const char* check() noexcept {
    Guard guard(heap_.lock_);
    broken_ = nullptr;
    if (heap_.lists_ == nullptr) return nullptr;
    Counts seen;
    SmallBlock* previous = nullptr;
    for_each_block([&](SmallBlock* the_block, size_t block_bytes) {
      check_block(previous, the_block, block_bytes, seen);
      previous = the_block;
      return broken_ == nullptr;
    });
    if (broken_ == nullptr) check_lists(seen);
    if (broken_ == nullptr) check_pages(seen);
    return broken_;
  }

 private:
  struct Counts {
    size_t free_blocks = 0;
    size_t pages = 0;
    size_t pages_with_free_slots = 0;
  };

  void require(bool holds, const char* invariant) noexcept {
    if (!holds && broken_ == nullptr) broken_ = invariant;
  }

  // The bytes of a block that may be anything. Word and size of a page are the page's.
  size_t bytes_of(SmallBlock* block) noexcept {
    if (is_page(block)) return SmallPage::bytes;
    if (!block->is_used()) return block->free_bytes();
    return SmallBlock::bytes_in(block->template use_word<Config::options.checks>());
  }

  bool is_page(SmallBlock* block) noexcept {
    const size_t offset = bytes_from(heap_.first_, block->payload());
    return offset % SmallPage::bytes == 0 && heap_.page_in_first(offset) != 0;
  }

  size_t metadata_bytes() noexcept {
    const auto begin = TheHeap::options.pages ? address_of(heap_.pages_) : address_of(heap_.lists_);
    return address_of(heap_.first_) - begin;
  }

  // Until f returns false; returns false in that case. The top is no block.
  template <class F>
  bool for_each_block(F&& f) noexcept {
    if (heap_.lists_ == nullptr) return true;
    if (!for_each_block(SmallBlock::of(heap_.first_), heap_.top_, f)) return false;
    return for_each_later_block(f);
  }

  template <class F>
  bool for_each_later_block(F& f) noexcept {
    for (Region* r = heap_.later_; r != nullptr; r = r->next) {
      SmallBlock* const first = SmallBlock::of(r->payload);
      if (!for_each_block(first, first->behind(r->bytes), f)) return false;
    }
    return true;
  }

  template <class F>
  bool for_each_block(SmallBlock* first, SmallBlock* end, F& f) noexcept {
    for (SmallBlock* block = first; block != end;) {
      const size_t bytes = bytes_of(block);
      if (bytes < SmallBlock::least || bytes > bytes_from(block, end)) {
        require(false, "blocks fill their region");
        return false;
      }
      if (!f(block, bytes)) return false;
      block = block->behind(bytes);
    }
    return true;
  }

  static size_t live_slots(SmallPage page) noexcept {
    size_t live = 0;
    for (size_t slot = 0; slot < page.slot_count(); slot++) live += !page.is_free(slot);
    return live;
  }

  template <class Visitor>
  static bool walk_page(SmallPage page, Visitor& visit) noexcept {
    for (size_t slot = 0; slot < page.slot_count(); slot++) {
      if (page.is_free(slot)) continue;
      void* const p = page.slots() + slot * page.slot_bytes();
      if (!visit(p, page.slot_bytes())) return false;
    }
    return true;
  }

  // As best_of_lists() would: of a list it looks at the first block only.
  size_t largest_request() noexcept {
    size_t bytes = heap_.top_bytes_;
    for (unsigned list = 0; list < TheHeap::most_lists; list++) {
      if ((heap_.bitmap_[list / 32] >> (list % 32) & 1) == 0) continue;
      if (SmallBlock* const first = heap_.lists_[list]) bytes = larger(bytes, first->free_bytes());
    }
    if (bytes < SmallBlock::least) return 0;
    return smaller(bytes - SmallBlock::word_bytes, heap_.limit_ - 1);
  }

  void check_block(SmallBlock* previous, SmallBlock* block, size_t bytes, Counts& seen) noexcept {
    const bool is_first = previous == nullptr || bytes_of(previous) != bytes_from(previous, block);
    const bool after_free = !is_first && !previous->is_used();
    if (block->is_used()) {
      const bool says_so = (block->word() & SmallBlock::previous_free) != 0;
      require(says_so == after_free, "a used block knows whether the one before is free");
      if (!is_page(block)) {
        require(SmallBlock::is_tag_right(block->template use_word<Config::options.checks>()),
                "a used block has the tag of its address");
        return;
      }
      const SmallPage page(block->payload());
      seen.pages++;
      require(!page.is_empty(), "a page has slots in use");
      if (!page.is_full()) seen.pages_with_free_slots++;
      return;
    }
    seen.free_blocks++;
    require(!after_free, "two free blocks never lie side by side");
    require(block->behind(bytes) != heap_.top_, "the top has no free block before it");
    require(block->behind(bytes)->bytes_before() == bytes, "a free block ends with its size");
    require(*block->links().back == block, "a free block is in a list");
  }

  void check_lists(const Counts& seen) noexcept {
    size_t listed = 0;
    for (unsigned list = 0; list < last_list(); list++) {
      const bool has_bit = (heap_.bitmap_[list / 32] >> (list % 32) & 1) != 0;
      require(has_bit == (heap_.lists_[list] != nullptr), "the bitmap says which lists are empty");
      SmallBlock** back = &heap_.lists_[list];
      for (SmallBlock* b = *back; b != nullptr && broken_ == nullptr; b = *back) {
        require(TheHeap::list_of(b->free_bytes()) == list,
                "a free block is in the list of its size");
        require(b->links().back == back, "a list's links agree");
        back = &b->links().next;
        if (++listed > seen.free_blocks) break;
      }
    }
    require(listed == seen.free_blocks, "every free block is in a list");
  }

  // The one that is always empty, although its bit is set.
  unsigned last_list() noexcept {
    unsigned list = TheHeap::most_lists;
    do {
      list--;
    } while ((heap_.bitmap_[list / 32] >> (list % 32) & 1) == 0);
    require(heap_.lists_[list] == nullptr, "the last list is empty");
    return list;
  }

  void check_pages(const Counts& seen) noexcept {
    if (!TheHeap::options.pages) return;
    size_t bits = 0;
    for (size_t offset = 0; offset < heap_.first_bytes_; offset += SmallPage::bytes) {
      bits += heap_.page_in_first(offset) != 0;
    }
    require(bits == seen.pages, "there is a bit for every page");
    size_t binned = 0;
    for (size_t bin = 0; bin < SmallPages::bin_count; bin++) {
      for (char* at = heap_.pages_->with_free_slots(bin); at != nullptr && broken_ == nullptr;) {
        const SmallPage page(at);
        require(page.slot_bytes() == bin * 8 && !page.is_full(),
                "a bin's pages have free slots of its size");
        at = heap_.pages_->at(page.next());
        if (++binned > seen.pages) break;
      }
    }
    require(binned == seen.pages_with_free_slots, "pages with free slots are in bins");
  }

  TheHeap& heap_;
  const char* broken_ = nullptr;
};

template <SmallHeapConfig Config>
SmallHeapInspector<Config> inspect(SmallHeap<Config>& heap) noexcept {
  return SmallHeapInspector<Config>(heap);
}

}  // namespace rsb
