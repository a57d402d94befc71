// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks with a word before each: fewer instructions than with a table, and 4 bytes for each block.
//
// The word lies directly before the payload, so a block's memory is [payload - 4, payload - 4 +
// bytes). It holds the size, whether the block is in use, and whether the block before it is free.
// A free block also holds links to its list, and in its last 4 bytes its size again, by which the
// block behind finds its beginning (Knuth, "The Art of Computer Programming", volume 1, 2.5:
// boundary tags).
//
// Where the heap checks, a used block's word holds in the bits above the size a tag, the low bits
// of its address: what lies before a pointer that is not a block's start seldom has the right one,
// nor what a block before has overwritten.
//
// Room small: for the room small_heap, SmallHeap's.
#pragma once

#include "rsb/internal/small/small_block.hpp"

namespace rsb {

template <Checks checks>
class SmallWords {
 public:
  static constexpr bool checked = checks != Checks::off;
  static constexpr bool has_table = false;

  struct [[gnu::may_alias]] Block {
    Block* next;
    Block** back;  // the pointer that points at this block: a list's head or a `next`
  };

  static constexpr size_t overhead = sizeof(uint32_t);
  // Room for a word, links, and the size again.
  static constexpr size_t least = align_up(overhead + sizeof(Block) + 4, small_granule);

  // How much a region may need besides its blocks, before the first; `bytes` of blocks.
  static constexpr size_t table_bytes(size_t) noexcept { return 0; }

  // ---- Regions ----

  // The top is all there is, and is still to be moved there.
  static void begin_with_top(const SmallRegion&) noexcept {}

  // One free block is all there is. Behind the blocks is a word that looks used, where nothing can
  // merge with.
  static void begin_with_block(const SmallRegion& region) noexcept {
    set_word(region.first + region.bytes, used | previous_free);
  }

  // What the region has more than `old_bytes` is a used block.
  static void append_block(const SmallRegion& region, size_t old_bytes) noexcept {
    char* const p = region.first + old_bytes;
    become_used(p, region.bytes - old_bytes, word(p) & previous_free);
    set_word(region.first + region.bytes, used);
  }

  // The region ended at `old_bytes`, in a free block that begins at p. What it has left of that is
  // free: a block, or nothing.
  static void cut_end(const SmallRegion& region, size_t, const char* p) noexcept {
    char* const end = region.first + region.bytes;
    set_word(end, end == p ? used : used | previous_free);
  }

  // Whether what ends at so many bytes, where the region ends or ended, is free.
  static bool ends_free(const SmallRegion& region, size_t bytes) noexcept {
    return (word(region.first + bytes) & previous_free) != 0;
  }

  // ---- Free blocks: the word is the size, without flags ----

  [[gnu::always_inline]] static size_t free_bytes(const Block* block) noexcept {
    return integer_cast<size_t>(word(block));
  }
  [[gnu::always_inline]] static size_t bytes_before(const void* p) noexcept {
    return integer_cast<size_t>(word(static_cast<const char*>(p) - overhead));
  }
  [[gnu::always_inline]] static void become_free(Block* block, size_t bytes) noexcept {
    set_word(block, integer_cast<uint32_t>(bytes));
    set_word(reinterpret_cast<char*>(block) + bytes - overhead, integer_cast<uint32_t>(bytes));
  }

  // Of any block, of the top, and of where a region ends.
  [[gnu::always_inline]] static bool is_free(const SmallMap&, const void* p) noexcept {
    return (word(p) & used) == 0;
  }

  // ---- Used blocks ----

  [[gnu::always_inline]] static bool find_live(const SmallRegion&, const void* p,
                                               SmallLive& live) noexcept {
    const uint32_t w = word(p) ^ tag(p);
    live.bytes = bytes_in(w);
    if (checked && (w >> tag_shift != 0 || (w & used) == 0)) [[unlikely]]
      return false;
    live.before = 0;
    if ((w & previous_free) != 0) {
      live.before = bytes_before(p);
      if (live.before == 0) __builtin_unreachable();
    }
    return true;
  }

  // The same, for who does not hold the lock.
  static bool seems_live(const SmallRegion& region, const void* p) noexcept {
    SmallLive live;
    return find_live(region, p, live);
  }

  // Whether an address where no live block begins looks like that of a free one.
  static bool is_in_free(const SmallRegion& region, const char* p, const char*) noexcept {
    return is_free(region, p);
  }

  // Of any block.
  static size_t bytes_at(const SmallRegion& region, const void* p) noexcept {
    return is_free(region, p) ? integer_cast<size_t>(word(p)) : bytes_in(word(p) ^ tag(p));
  }

  // A free block, or the top, becomes used: first one of what changes at its beginning, then all of
  // it up to its end, or as much of it as leaves a rest that is free, or the top; last its size.

  [[gnu::always_inline]] static void begin_taking(const SmallMap&, void*) noexcept {}
  [[gnu::always_inline]] static void take_to_end(const SmallMap&, void* end) noexcept {
    set_word(end, word(end) & ~uint32_t{previous_free});
  }
  [[gnu::always_inline]] static void leave_rest(const SmallMap&, void*) noexcept {}
  static void leave_top(const SmallMap&, void*) noexcept {}
  [[gnu::always_inline]] static void end_taking(const SmallMap&, void* p, size_t bytes) noexcept {
    become_used(p, bytes);
  }

  // The top begins here now.
  [[gnu::always_inline]] static void move_top(void* p) noexcept { set_word(p, 0); }

  // A used block becomes free: first what changes at its beginning, then at its end.

  [[gnu::always_inline]] static void release(const SmallMap&, void*, size_t) noexcept {}
  // In one with the `before` bytes of a free block before it.
  [[gnu::always_inline]] static void release_into(const SmallMap&, void* p, size_t,
                                                  size_t) noexcept {
    if constexpr (checked) set_word(p, 0);  // so that it no longer looks like one in use
  }

  // Behind it is a used block, or the region's end.
  [[gnu::always_inline]] static void end_before(const SmallMap&, void* next) noexcept {
    set_word(next, word(next) | previous_free);
  }
  // In one with the free block of `behind` bytes behind it.
  [[gnu::always_inline]] static void end_with(const SmallMap&, void*, size_t) noexcept {}
  // Part of the top, which began behind it.
  [[gnu::always_inline]] static void end_with_top(const SmallMap&, void*) noexcept {}

  // A used block becomes two: the first has `wanted` bytes.
  static void split(const SmallMap&, void* p, size_t bytes, size_t wanted) noexcept {
    resize(p, wanted);
    become_used(static_cast<char*>(p) + wanted, bytes - wanted);
  }

  // A used block of `bytes` grows to `wanted`: by all of the free block behind it, or by part of
  // the top.
  static void grow_by_block(const SmallMap&, void* p, size_t, size_t wanted) noexcept {
    resize(p, wanted);
    char* const behind = static_cast<char*>(p) + wanted;
    set_word(behind, word(behind) & ~uint32_t{previous_free});
  }
  static void grow_by_top(const SmallMap&, void* p, size_t, size_t wanted) noexcept {
    resize(p, wanted);
  }

  // Null, or an invariant that does not hold for a block that lies behind `previous`.
  static const char* check(const SmallRegion& region, const char* p, bool after_free) noexcept {
    if (is_free(region, p)) {
      return bytes_before(p + word(p)) == word(p) ? nullptr : "a free block ends with its size";
    }
    if (((word(p) & previous_free) != 0) != after_free) {
      return "a used block knows whether the one before is free";
    }
    SmallLive live;
    return find_live(region, p, live) ? nullptr : "a used block has the tag of its address";
  }

 private:
  enum Flags : uint32_t { used = 1, previous_free = 2 };

  static constexpr unsigned tag_shift = 23;

  struct [[gnu::may_alias]] Word {
    uint32_t value;
  };
  [[gnu::always_inline]] static uint32_t word(const void* p) noexcept {
    return (static_cast<const Word*>(p) - 1)->value;
  }
  [[gnu::always_inline]] static void set_word(void* p, uint32_t value) noexcept {
    (static_cast<Word*>(p) - 1)->value = value;
  }

  [[gnu::always_inline]] static uint32_t tag(const void* p) noexcept {
    if constexpr (!checked) return 0;
    return integer_cast<uint32_t>(address_of(p)) << (tag_shift - small_granule_bits);
  }
  // Of a used block's word without its tag.
  static size_t bytes_in(uint32_t use_word) noexcept {
    return integer_cast<size_t>(use_word & ~uint32_t{small_granule - 1});
  }
  [[gnu::always_inline]] static void become_used(void* p, size_t bytes,
                                                 uint32_t flags = 0) noexcept {
    set_word(p, (integer_cast<uint32_t>(bytes) | used | flags) ^ tag(p));
  }
  static void resize(void* p, size_t bytes) noexcept {
    become_used(p, bytes, word(p) & previous_free);
  }
};

}  // namespace rsb
