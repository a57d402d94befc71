// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks without anything in them: a table at the side has a bit for each granule.
//
// Theory of operation. The least block is two granules. The bit of a block's first granule is set.
// A free block has two bits more: that of its second granule, and that of its last (of a block of
// two granules they are the same). So
//
//   used   1 0 ... 0       the second bit is clear
//   free   1 1 0 ... 0 1   or 1 1, or 1 1 1
//
// and each question takes the look at a bit: a block is free if its second bit is set, the one
// before it is free if the bit before its first is set. A used block's size is how far the next set
// bit is. For a long one it would have to be searched for: if a used block covers a whole word of
// the table, the first such word is a marker, with the block's size, and seven neighbouring bits
// set; otherwise at most four are (1 1 1 and the first of the block behind), or six while a block
// becomes free, which a handler may see. A marker's first bit, which may be the block's second, is
// clear; its last one, which may be the block's last, says nothing. A free block's size lies in it,
// twice: behind its first link, even, and as its last word, odd.
//
// Only starts of live blocks look like ones: 1 0 is either that, or the second granule of a free
// block; then the bit before is set, and what should be the last word of a free block is even. A
// block's size is never written where a program may write, so an address is judged for certain, as
// long as nothing writes to free memory.
//
// A bit vector at the side is as old as mark bits (McCarthy, 1960); that starts alone delimit
// blocks is how Hosking, and others, find objects from interior pointers ("object-start bits").
//
// Behind the region's last block are two granules more, the marks of the top, or of an end that
// looks like a used block; before the table and behind it is a word of zeros.
//
// Room small: for the room small_heap, SmallHeap's.
#pragma once

#include "rsb/internal/small/small_block.hpp"

namespace rsb {

template <Checks checks>
class SmallTable {
 public:
  static constexpr bool checked = checks != Checks::off;
  static constexpr bool has_table = true;

  struct [[gnu::may_alias]] Block {
    Block* next;
    alignas(small_granule / 2) size_t bytes;  // whatever ends the first granule is even
    Block** back;  // the pointer that points at this block: a list's head or a `next`
  };

  static constexpr size_t overhead = 0;
  static constexpr size_t least = 2 * small_granule;
  static_assert(sizeof(Block) + sizeof(size_t) <= least);

  // Blocks begin anywhere in what a word is for.
  static constexpr size_t table_bytes(size_t bytes) noexcept {
    return (bytes / word_covers + 4) * sizeof(uint32_t);
  }

  // Where the word for address 0 would be, with a table at `table` for blocks from `first` on.
  static uintptr_t origin(const void* table, const void* first) noexcept {
    return address_of(table) + sizeof(uint32_t) -
           address_of(first) / word_covers * sizeof(uint32_t);
  }

  // ---- Regions ----

  // Tables are zero at first.

  static void begin_with_top(const SmallRegion& region) noexcept { mark_two(region, region.first); }

  static void begin_with_block(const SmallRegion& region) noexcept {
    mark_two(region, region.first);
    mark_two(region, end_of(region) - small_granule);
  }

  static void append_block(const SmallRegion& region, size_t old_bytes) noexcept {
    set(region, end_of(region));
    mark_if_long(region, region.first + old_bytes, region.bytes - old_bytes);
  }

  static void cut_end(const SmallRegion& region, size_t old_bytes, const char* p) noexcept {
    const char* const end = end_of(region);
    clear_two(region, region.first + old_bytes - small_granule);
    if (end == p) {
      clear(region, p + small_granule);
    } else {
      mark_two(region, end - small_granule);
    }
  }

  static bool ends_free(const SmallRegion& region, size_t bytes) noexcept {
    return ends_free_at(region, region.first + bytes);
  }

  // ---- Free blocks ----

  [[gnu::always_inline]] static size_t free_bytes(const Block* block) noexcept {
    return block->bytes;
  }
  [[gnu::always_inline]] static size_t bytes_before(const void* p) noexcept {
    return last_word(p) - 1;
  }
  [[gnu::always_inline]] static void become_free(Block* block, size_t bytes) noexcept {
    block->bytes = bytes;
    (reinterpret_cast<Word*>(reinterpret_cast<char*>(block) + bytes) - 1)->value = bytes + 1;
  }
  [[gnu::always_inline]] static bool is_free(const SmallMap& map, const void* p) noexcept {
    return get(map, static_cast<const char*>(p) + small_granule);
  }

  // ---- Used blocks ----

  [[gnu::always_inline]] static bool find_live(const SmallRegion& region, const void* p,
                                               SmallLive& live) noexcept {
    bool follows_free = false;
    if (!find_by_bits(region, p, live, follows_free)) return false;
    if (follows_free) {
      const size_t mark = last_word(p);
      if (checked && (mark & 1) == 0) [[unlikely]]
        return false;
      live.before = mark - 1;
      if (live.before == 0) __builtin_unreachable();
    }
    return true;
  }

  // The same, for who does not hold the lock. The word before the block is not the block's, and may
  // change at any time. Therefore only what is the second granule of a free block in all that
  // belongs to one is no live block.
  static bool seems_live(const SmallRegion& region, const void* p) noexcept {
    SmallLive live;
    bool follows_free = false;
    if (!find_by_bits(region, p, live, follows_free)) return false;
    if (!follows_free || (last_word(p) & 1) != 0) return true;
    const char* const first = static_cast<const char*>(p) - small_granule;
    const size_t bytes = reinterpret_cast<const Block*>(first)->bytes;
    if (bytes % small_granule != 0 || bytes < least) return true;
    if (bytes > bytes_from(first, end_of(region))) return true;
    return !ends_free_at(region, first + bytes) || bytes_before(first + bytes) != bytes;
  }

  // Whether an address where no live block begins lies in free memory; the top, if the region has
  // it, is elsewhere. Linear in the granules of what it lies in.
  static bool is_in_free(const SmallRegion& region, const char* p, const char* top) noexcept {
    if (get(region, p)) return !is_marker(load_relaxed(word_of(region, p)));
    do {
      p += small_granule;
      if (is_marker(load_relaxed(word_of(region, p)))) return false;
    } while (!get(region, p));
    // A used block, or the top, begins there, or a free one begins or ends: see above.
    return p != top && is_free(region, p) && (last_word(p + small_granule) & 1) != 0;
  }

  // Of any block.
  static size_t bytes_at(const SmallRegion& region, const void* p) noexcept {
    if (is_free(region, p)) return static_cast<const Block*>(p)->bytes;
    SmallLive live{};
    find_live(region, p, live);
    return live.bytes;
  }

  [[gnu::always_inline]] static void begin_taking(const SmallMap& map, char* p) noexcept {
    clear(map, p + small_granule);
  }
  [[gnu::always_inline]] static void take_to_end(const SmallMap& map, char* end) noexcept {
    clear(map, end - small_granule);
  }
  [[gnu::always_inline]] static void leave_rest(const SmallMap& map, char* rest) noexcept {
    set_two(map, rest);
  }
  static void leave_top(const SmallMap& map, char* top) noexcept { mark_two(map, top); }
  [[gnu::always_inline]] static void end_taking(const SmallMap& map, char* p,
                                                size_t bytes) noexcept {
    mark_if_long(map, p, bytes);
  }

  [[gnu::always_inline]] static void move_top(void*) noexcept {}

  [[gnu::always_inline]] static void release(const SmallMap& map, void* p, size_t bytes) noexcept {
    unmark_if_long(map, static_cast<char*>(p), bytes);
    set(map, static_cast<char*>(p) + small_granule);
  }
  [[gnu::always_inline]] static void release_into(const SmallMap& map, void* p, size_t bytes,
                                                  size_t before) noexcept {
    unmark_if_long(map, static_cast<char*>(p), bytes);
    if (before == least) {
      clear(map, p);
    } else {
      clear_two(map, static_cast<char*>(p) - small_granule);
    }
  }

  [[gnu::always_inline]] static void end_before(const SmallMap& map, void* next) noexcept {
    set(map, static_cast<char*>(next) - small_granule);
  }
  [[gnu::always_inline]] static void end_with(const SmallMap& map, void* next,
                                              size_t behind) noexcept {
    if (behind == least) {
      clear(map, next);
    } else {
      clear_two(map, next);
    }
  }
  [[gnu::always_inline]] static void end_with_top(const SmallMap& map, void* top) noexcept {
    clear_two(map, top);
  }

  static void split(const SmallMap& map, void* p, size_t bytes, size_t wanted) noexcept {
    char* const begin = static_cast<char*>(p);
    unmark_if_long(map, begin, bytes);
    set(map, begin + wanted);
    mark_if_long(map, begin, wanted);
    mark_if_long(map, begin + wanted, bytes - wanted);
  }

  static void grow_by_block(const SmallMap& map, void* p, size_t bytes, size_t wanted) noexcept {
    char* const begin = static_cast<char*>(p);
    unmark_if_long(map, begin, bytes);
    clear_two(map, begin + bytes);
    clear(map, begin + wanted - small_granule);
    mark_if_long(map, begin, wanted);
  }
  static void grow_by_top(const SmallMap& map, void* p, size_t bytes, size_t wanted) noexcept {
    char* const begin = static_cast<char*>(p);
    unmark_if_long(map, begin, bytes);
    clear_two(map, begin + bytes);
    set_two(map, begin + wanted);
    mark_if_long(map, begin, wanted);
  }

  static const char* check(const SmallRegion& region, const char* p, bool after_free) noexcept {
    if (ends_free_at(region, p) != after_free) {
      return "a free block's last bit is set, a used one's is not";
    }
    if (!get(region, p)) return "a block's first bit is set";
    if (!is_free(region, p)) return nullptr;
    const size_t bytes = bytes_at(region, p);
    return bytes_before(p + bytes) == bytes ? nullptr : "a free block ends with its size";
  }

 private:
  struct [[gnu::may_alias]] Word {
    size_t value;
  };
  [[gnu::always_inline]] static size_t last_word(const void* p) noexcept {
    return (static_cast<const Word*>(p) - 1)->value;
  }

  // Whether what lies directly before p is free.
  static bool ends_free_at(const SmallMap& map, const char* p) noexcept {
    return !is_marker(load_relaxed(word_of(map, p - small_granule))) && get(map, p - small_granule);
  }

  static char* end_of(const SmallRegion& region) noexcept { return region.first + region.bytes; }

  // How many bytes of blocks a word of the table is for. Words and bits go by the address, so that
  // they are known without the region's beginning.
  static constexpr size_t word_covers = 32 * small_granule;

  [[gnu::always_inline]] static uint32_t* word_of(const SmallMap& map, const void* p) noexcept {
    return reinterpret_cast<uint32_t*>(
        address_behind(nullptr, map.origin + address_of(p) / word_covers * sizeof(uint32_t)));
  }
  [[gnu::always_inline]] static unsigned bit_of(const void* p) noexcept {
    return integer_cast<unsigned>(address_of(p) / small_granule % 32);
  }

  // Granules go from a word's highest bit down, so that the next one set is found by counting
  // leading zeros.
  static constexpr uint32_t top_bit = uint32_t{1} << 31;
  static constexpr uint32_t two_bits = uint32_t{3} << 30;

  // A marker: 0 1 1 1 1 1 1 1, the number of granules.
  static constexpr unsigned marker_shift = 24;
  static constexpr uint32_t marker = uint32_t{127} << marker_shift;
  [[gnu::always_inline]] static bool is_marker(uint32_t word) noexcept {
    return word >> marker_shift == marker >> marker_shift;
  }

  // Of a live block, its size, and whether what is before it is free. False: there is none; true
  // also for the second granule of a free block.
  [[gnu::always_inline]] static bool find_by_bits(const SmallRegion& region, const void* p,
                                                  SmallLive& live, bool& follows_free) noexcept {
    const uint32_t* const at = word_of(region, p);
    const unsigned bit = bit_of(p);
    const uint32_t word = load_relaxed(at);
    if (checked && is_marker(word)) [[unlikely]]
      return false;
    // The last bit of what is before the block, the block's, and those behind it.
    uint32_t bits;
    if (bit != 0) [[likely]] {
      bits = word << (bit - 1);
    } else {
      const uint32_t before = load_relaxed(at - 1);
      bits = word >> 1 | (is_marker(before) ? 0 : before << 31);
    }
    if (checked && (bits & top_bit >> 1) == 0) [[unlikely]]
      return false;
    size_t granules;
    if (const uint32_t behind = bits & ((top_bit >> 1) - 1)) [[likely]] {
      granules = leading_zeros(behind) - 1;
    } else if (!find_far_end(region, p, at, bit, word, granules)) {
      live = {granules * small_granule, 0};
      return false;
    }
    if (checked && granules == 1) [[unlikely]]
      return false;
    live = {granules * small_granule, 0};
    follows_free = (bits & top_bit) != 0;
    return true;
  }

  // How long the block is whose first bit is the last one in its word. False: there is none.
  [[gnu::always_inline]] static bool find_far_end(const SmallRegion& region, const void* p,
                                                  const uint32_t* at, unsigned bit, uint32_t word,
                                                  size_t& granules) noexcept {
    granules = 31;
    if (bit == 0 && (word & 1) != 0) return true;
    const uint32_t behind = load_relaxed(at + 1);
    if (is_marker(behind)) {
      granules = integer_cast<size_t>(behind - marker);
      return !checked || p != region.table;  // which is the heap's own
    }
    if (checked && behind == 0) [[unlikely]]
      return false;
    granules = 32 - bit + leading_zeros(behind);
    return true;
  }

  // Handlers look at the table without the heap's lock, for live blocks, whose bits nobody changes.
  [[gnu::always_inline]] static bool get(const SmallMap& map, const void* p) noexcept {
    return (load_relaxed(word_of(map, p)) << bit_of(p) & top_bit) != 0;
  }
  [[gnu::always_inline]] static void set(const SmallMap& map, const void* p) noexcept {
    uint32_t* const at = word_of(map, p);
    store_relaxed(at, *at | top_bit >> bit_of(p));
  }
  [[gnu::always_inline]] static void clear(const SmallMap& map, const void* p) noexcept {
    uint32_t* const at = word_of(map, p);
    store_relaxed(at, *at & ~(top_bit >> bit_of(p)));
  }
  // The bits of a granule and of the next one.
  [[gnu::always_inline]] static void set_two(const SmallMap& map, const void* p) noexcept {
    uint32_t* const at = word_of(map, p);
    const unsigned bit = bit_of(p);
    store_relaxed(at, *at | two_bits >> bit);
    if (bit == 31) [[unlikely]]
      set_first(at + 1);
  }
  // A copy for all that need no speed.
  [[gnu::noinline]] static void mark_two(const SmallMap& map, const void* p) noexcept {
    set_two(map, p);
  }
  [[gnu::always_inline]] static void clear_two(const SmallMap& map, const void* p) noexcept {
    uint32_t* const at = word_of(map, p);
    const unsigned bit = bit_of(p);
    store_relaxed(at, *at & ~(two_bits >> bit));
    if (bit == 31) [[unlikely]]
      clear_first(at + 1);
  }
  [[gnu::noinline]] static void set_first(uint32_t* at) noexcept {
    store_relaxed(at, *at | top_bit);
  }
  [[gnu::noinline]] static void clear_first(uint32_t* at) noexcept {
    store_relaxed(at, *at & ~top_bit);
  }

  // The marker of a block; null: it covers no whole word, and has none.
  [[gnu::always_inline]] static uint32_t* marker_of(const SmallMap& map, const char* p,
                                                    size_t bytes) noexcept {
    if (bytes <= word_covers) return nullptr;
    const size_t words = address_of(p + bytes) / word_covers - address_of(p) / word_covers;
    return words < 2 ? nullptr : word_of(map, p) + 1;
  }
  [[gnu::always_inline]] static void mark_if_long(const SmallMap& map, const char* p,
                                                  size_t bytes) noexcept {
    if (uint32_t* const at = marker_of(map, p, bytes)) {
      store_relaxed(at, marker + integer_cast<uint32_t>(bytes / small_granule));
    }
  }
  [[gnu::always_inline]] static void unmark_if_long(const SmallMap& map, const char* p,
                                                    size_t bytes) noexcept {
    if (uint32_t* const at = marker_of(map, p, bytes)) store_relaxed(at, uint32_t{0});
  }
};

}  // namespace rsb
