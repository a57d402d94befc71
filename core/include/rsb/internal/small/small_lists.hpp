// SPDX-License-Identifier: MIT OR Apache-2.0
// The free blocks of a small heap, in lists by size, and which of them a request takes.
//
// There is a list for each number of granules up to 16, then eight a doubling, and a bitmap of the
// lists that are not empty (two-level segregated fit; Masmano, Ripoll, Crespo, Real, "TLSF: a new
// dynamic memory allocator for real-time systems", 2004).
//
// Which block. A program fails when its free memory is in pieces too small, and of what decides
// that, two things count most: to fit tightly, and to keep to low addresses, so that the high ones
// become whole again (Wilson, Johnstone, Neely, Boles, "Dynamic storage allocation: a survey and
// critical review", 1995). Tight fit alone sustains some 62 % of 64 KiB with the mix of
// tests/bench/target, the lowest address alone 65 % but 81 % of 1 MiB where tight fit sustains 86.
// So: of the first three neighbouring lists that have blocks for the request, the first block with
// the lowest address; the request's own list counts if its first block is large enough, or with a
// table its second (with words that would be a tenth of the instructions). A list has its lowest
// block first, or nearly: a block that becomes free goes before the first one if it lies lower,
// else behind it.
//
// Room small: for the room small_heap, SmallHeap's.
#pragma once

#include "rsb/internal/small/small_block.hpp"

namespace rsb {

template <class Marks>
class SmallLists {
 public:
  using Block = typename Marks::Block;

  // The number of a list. They begin with first_list, for blocks of no granules: bytes / granule
  // behind it while that is below 16, then eight lists a doubling.
  [[gnu::always_inline]] static constexpr unsigned list_of(size_t bytes) noexcept {
    if constexpr (has_bit_scan) {
      const auto n = integer_cast<uint32_t>(bytes);
      const unsigned shift = 28 - leading_zeros(n | uint32_t{8 * small_granule});
      return integer_cast<unsigned>(n >> shift) + 8 * shift + (first_list - 8 * small_granule_bits);
    } else {
      const auto granules = integer_cast<uint32_t>(bytes / small_granule);
      unsigned shift;
      if (granules < 256) {
        if (granules < 16) return integer_cast<unsigned>(granules);
        shift = 4u - zeros_of_bytes.zeros_of[granules];
      } else {
        shift = 28 - leading_zeros(granules);
      }
      return integer_cast<unsigned>(granules >> shift) + 8 * shift;
    }
  }

  // Such that the size in bytes gives the number without another step. With a table that begins a
  // word of the bitmap, since lists are looked at together within a word: where those begin that
  // most programs use, programs need half a percent more memory.
  static constexpr unsigned first_list =
      !has_bit_scan
          ? 0
          : integer_cast<unsigned>(align_up(8 * small_granule_bits, Marks::has_table ? 32 : 1));
  static constexpr unsigned most_lists = 160;

  // How many heads there are for blocks of up to so many bytes. The last ones stay empty.
  [[gnu::always_inline]] static constexpr unsigned heads_for(size_t most_bytes) noexcept {
    return list_of(most_bytes) + window + 1 - first_list;
  }

  // All lists are empty. `heads`: memory for so many.
  void begin(Block** heads, unsigned count) noexcept {
    static_assert(heads_for(small_most) <= most_lists);
    origin_ = reinterpret_cast<Block**>(address_behind(heads, -first_list_offset));
    __builtin_memset(heads, 0, count * sizeof *heads);
    set(first_list + count - 1);  // see take_best()
  }
  Block** head(unsigned list) const noexcept {
    return reinterpret_cast<Block**>(address_behind(origin_, list * sizeof(Block*)));
  }

  // The list that stays empty.
  unsigned last() const noexcept {
    unsigned last = end_list - 1;
    while (!has(last)) last--;
    return last;
  }

  // Empties all.
  void clear() noexcept {
    const unsigned heads = last() + 1 - first_list;
    __builtin_memset(bitmap_, 0, sizeof bitmap_);
    begin(head(first_list), heads);
  }

  [[gnu::always_inline]] void insert(Block* block, size_t bytes) noexcept {
    Marks::become_free(block, bytes);
    const unsigned list = list_of(bytes);
    Block** const its_head = head(list);
    Block* const first = *its_head;
    if (first == nullptr) {
      set(list);
      put(block, its_head, nullptr);
    } else if (first > block) {
      put(block, its_head, first);
      first->back = &block->next;
    } else {
      Block* const second = first->next;
      put(block, &first->next, second);
      if (second != nullptr) second->back = &block->next;
    }
  }

  // A copy for all that need no speed.
  [[gnu::noinline]] void add(Block* block, size_t bytes) noexcept { insert(block, bytes); }

  // False: the link that leads to the block was overwritten, and nothing has changed.
  [[nodiscard, gnu::always_inline]] bool remove(Block* block) noexcept {
    Block* const next = block->next;
    Block** const at = block->back;
    if (Marks::checked && *at != block) [[unlikely]]
      return false;
    *at = next;
    if (next != nullptr) {
      next->back = at;
    } else {
      const size_t offset = bytes_from(origin_, at);
      if (offset - first_list_offset < most_lists * sizeof *at) clear(offset / sizeof *at);
    }
    return true;
  }

  // The theory is above, under "Which block". Takes it out of its list. Null: no list has one.
  // `refuse(block)` does not return; it is called if a link was overwritten. `verify(block)` is
  // called for blocks of whose links some will change.
  template <class Refuse, class Verify>
  [[gnu::always_inline]] Block* take_best(size_t bytes, Refuse&& refuse, Verify&& verify) noexcept {
    unsigned list = list_of(bytes);
    unsigned i = list / 32;
    uint32_t bits = bitmap_[i] << (list % 32);
    if ((bits & top_bit) != 0) {
      Block* const first = *head(list);
      if (Marks::free_bytes(first) < bytes) {
        Block* const second = first->next;
        if (Marks::has_table && second != nullptr && Marks::free_bytes(second) >= bytes) {
          verify(first);
          verify(second);
          swap(first, second);
        } else {
          bits -= top_bit;
        }
      }
    }
    if (bits == 0) {
      do {
        bits = bitmap_[++i];
      } while (bits == 0);  // up to the bit of a list that stays empty
      list = 32 * i;
    }
    const unsigned skipped = !has_bit_scan && (bits & top_bit) != 0 ? 0 : leading_zeros(bits);
    bits <<= skipped;
    Block** at = head(list + skipped);
    Block* block = at[0];
    if (block == nullptr) return nullptr;
    Block** const lists = at;
    if ((bits & top_bit >> 1) != 0 && lists[1] < block) block = *(at = lists + 1);
    if ((bits & top_bit >> 2) != 0 && lists[2] < block) block = *(at = lists + 2);
    if (block == nullptr) __builtin_unreachable();
    if (Marks::checked && block->back != at) [[unlikely]]
      refuse(block);
    verify(block);
    Block* const next = block->next;
    *at = next;
    if (next != nullptr) {
      next->back = at;
    } else {
      clear(bytes_from(origin_, at) / sizeof *at);
    }
    return block;
  }

  // Null, or an invariant that does not hold for the links of a free block; in constant time, and
  // it follows only what may_be_block(p) says may be one.
  template <class MayBeBlock>
  const char* broken_links(const Block* block, MayBeBlock&& may_be_block) const noexcept {
    Block** const back = block->back;
    const Block* const next = block->next;
    const bool is_first = back == head(list_of(Marks::free_bytes(block)));
    const bool agree = (is_first || may_be_block(back)) && *back == block &&
                       (next == nullptr || (may_be_block(next) && next->back == &block->next));
    return agree ? nullptr : "a list's links agree";
  }

  // The most that take_best() would find a block for; 0: there are none. Looks at the bitmap and at
  // one block.
  size_t largest() const noexcept {
    for (unsigned i = words; i-- != 0;) {
      for (uint32_t bits = bitmap_[i]; bits != 0; bits &= bits - 1) {
        Block* const block = *head(32 * i + 31 - lowest_bit(bits));
        if (block != nullptr) return Marks::free_bytes(block);  // not of the list that stays empty
      }
    }
    return 0;
  }

  // The first list from this one on that is not empty, or the last one. Looks at the bitmap.
  unsigned next(unsigned list) const noexcept {
    unsigned i = list / 32;
    uint32_t bits = bitmap_[i] << (list % 32);
    while (bits == 0) {
      bits = bitmap_[++i];
      list = 32 * i;
    }
    return list + integer_cast<unsigned>(leading_zeros(bits));
  }

  bool has(unsigned list) const noexcept { return (bitmap_[list / 32] & bit_of(list)) != 0; }

 private:
  static constexpr unsigned window = 3;
  static constexpr unsigned end_list = first_list + most_lists;
  static constexpr unsigned words = (end_list + 31) / 32;
  static constexpr size_t first_list_offset = first_list * sizeof(Block*);

  // The first and the second block of a list.
  [[gnu::noinline]] static void swap(Block* first, Block* second) noexcept {
    Block** const at = first->back;
    Block* const third = second->next;
    *at = second;
    second->back = at;
    second->next = first;
    first->back = &second->next;
    first->next = third;
    if (third != nullptr) third->back = &first->next;
  }

  // From the highest bit down, so that the first list is found by counting leading zeros.
  static constexpr uint32_t top_bit = uint32_t{1} << 31;
  [[gnu::always_inline]] static constexpr uint32_t bit_of(size_t list) noexcept {
    return top_bit >> (list % 32);
  }
  [[gnu::always_inline]] static void put(Block* block, Block** at, Block* next) noexcept {
    *at = block;
    block->next = next;
    block->back = at;
  }
  [[gnu::always_inline]] void set(size_t list) noexcept { bitmap_[list / 32] |= bit_of(list); }
  [[gnu::always_inline]] void clear(size_t list) noexcept { bitmap_[list / 32] &= ~bit_of(list); }

  uint32_t bitmap_[words] = {};  // of the lists that are not empty, and the last one
  Block** origin_ = nullptr;     // where the head of a list 0 would be; behind all, `window` more
};

}  // namespace rsb
