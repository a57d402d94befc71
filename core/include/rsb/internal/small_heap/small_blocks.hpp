// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks of a small heap are cut out of free ones and of the top, and merged with what is free
// around them.
//
// Room small_heap: for SmallHeap alone.
#pragma once

#include "rsb/internal/small_heap/small_finding.hpp"

namespace rsb {

template <SmallHeapConfig Config>
class SmallBlocks : protected SmallFinding<Config> {
 protected:
  using Base = SmallFinding<Config>;
  using Base::block_at, Base::block_bytes, Base::fail, Base::find_in, Base::has_region,
      Base::live_bytes, Base::payload, Base::region_of, Base::tell_released;
  using Base::calls_to_insert, Base::finds_null, Base::granule, Base::least_block, Base::verifies;
  using Base::lists_, Base::regions_, Base::statistics_, Base::top_, Base::top_bytes_;
  using typename Base::Block, typename Base::Marks;

  // ---- Taking ----

  // A block of so many bytes, those of a request below limit().
  [[gnu::always_inline]] void* take(size_t bytes) noexcept {
    Block* const found = lists_.take_best(
        bytes, [this](Block* overwritten) { fail(Fault::overwritten_link, overwritten); },
        [this](const Block* free) { verify_free(free); });
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
      verify_first(rest);
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

  // A copy of merge() for all that need no speed.
  [[gnu::noinline]] void release_block(const SmallMap& map, void* p, SmallLive live) noexcept {
    merge(map, p, live);
  }

  // Puts a block that was in use into a list, with what is free before and behind it.
  [[gnu::always_inline]] void merge(const SmallMap map, void* p, SmallLive live) noexcept {
    verify_around(p, live);
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
      unlink(block_at(begin));
    }
    if (!Marks::is_free(map, next)) {
      Marks::end_before(map, next);
    } else if (next == top_) {
      Marks::end_with_top(map, next);
      return move_top(begin, top_bytes_ + bytes);
    } else {
      const size_t behind = Marks::free_bytes(block_at(next));
      unlink(block_at(next));
      Marks::end_with(map, next, behind);
      bytes += behind;
    }
    verify_first(bytes);
    calls_to_insert ? lists_.add(block_at(begin), bytes) : lists_.insert(block_at(begin), bytes);
  }

  [[gnu::always_inline]] void remove(Block* block) noexcept {
    verify_free(block);
    unlink(block);
  }
  [[gnu::always_inline]] void unlink(Block* block) noexcept {
    if (!lists_.remove(block)) [[unlikely]]
      fail(Fault::overwritten_link, block);
  }

  // Gives back what a used block has behind its first `wanted` bytes.
  void shorten(const SmallRegion& region, void* p, size_t bytes, size_t wanted) noexcept {
    if (bytes - wanted < least_block) return;
    Marks::split(region, p, bytes, wanted);
    release_block(region, static_cast<char*>(p) + wanted, {bytes - wanted, 0});
  }

  // ---- What must hold ----

  // Null, or an invariant that does not hold for a free block with no other one before it. Of what
  // is asked there, nothing but the number of regions takes time.
  const char* broken_free(const Block* block) noexcept {
    const auto may_be_block = [this](const void* p) {
      return is_aligned(p, granule) && regions_.with(p) != nullptr;
    };
    if (!may_be_block(block)) return in_a_region;
    const SmallRegion& region = *regions_.with(block);
    const char* const p = reinterpret_cast<const char*>(block);
    if (!Marks::is_free(region, p)) return "what is in a list is free";
    const size_t bytes = Marks::free_bytes(block);
    const size_t most = bytes_from(p, region.first + region.bytes);
    if (bytes < least_block || !is_multiple(bytes) || bytes > most) return in_a_region;
    if (const char* const broken = Marks::check(region, p, false)) return broken;
    return lists_.broken_links(block, may_be_block);
  }
  static bool is_multiple(size_t bytes) noexcept { return bytes % granule == 0; }
  static constexpr const char* in_a_region = "blocks fill their region";

  // With Checks::full, of what is to be touched: faults if that does not hold.
  void verify_free([[maybe_unused]] const Block* block) noexcept {
    if constexpr (verifies) {
      if (broken_free(block) != nullptr) [[unlikely]]
        fail(Fault::overwritten_link, block);
    }
  }
  // What a block of so many bytes comes before, or behind.
  void verify_first([[maybe_unused]] size_t bytes) noexcept {
    if constexpr (verifies) {
      if (const Block* const first = *lists_.head(Base::Lists::list_of(bytes))) verify_free(first);
    }
  }
  // What lies before and behind a block that was in use.
  void verify_around([[maybe_unused]] void* p, [[maybe_unused]] const SmallLive& live) noexcept {
    if constexpr (verifies) {
      const SmallRegion& region = *regions_.with(p);
      char* const begin = static_cast<char*>(p);
      if (live.before != 0) {
        const Block* const before = block_at(begin - live.before);
        verify_free(before);
        if (Marks::free_bytes(before) != live.before) fail(Fault::overwritten_link, before);
      }
      char* const next = begin + live.bytes;
      if (next == top_ || next == region.first + region.bytes) return;
      if (Marks::is_free(region, next)) return verify_free(block_at(next));
      if (Marks::check(region, next, false) != nullptr) fail(Fault::damaged_descriptor, next);
    }
  }

  // ---- Free blocks ----

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
};

}  // namespace rsb
