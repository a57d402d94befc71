// What a small heap's memory consists of: blocks, one behind the other, and pages of small slots.
//
// A block is a word and a payload. The word lies directly before the payload, which is aligned to
// `granule`; so words lie 4 bytes before multiples of `granule`, and block sizes, which include the
// word, are multiples of it. The word holds the size, whether the block is in use, and whether the
// block before it is free. A free block also holds links to its list, and in its last 4 bytes its
// size again, by which the block behind finds its beginning (Knuth, "The Art of Computer
// Programming", volume 1, 2.5: boundary tags).
//
// Two free blocks never lie side by side.
#pragma once

#include <stdint.h>

#include "rsb/options.hpp"

namespace rsb {

class SmallBlock;

// In the payload of a free block.
struct [[gnu::may_alias]] SmallLinks {
  SmallBlock* next;
  SmallBlock** back;  // the pointer that points at this block: a list's head or a `next`
};

class [[gnu::may_alias]] SmallBlock {
 public:
  // What malloc has to align to: 8 bytes on 32-bit machines, 16 on 64-bit ones.
  static constexpr size_t granule = 2 * sizeof(void*);
  static constexpr size_t word_bytes = sizeof(uint32_t);
  // Room for a word, links, and the size again.
  static constexpr size_t least = align_up(word_bytes + sizeof(SmallLinks) + 4, granule);
  static constexpr size_t most = 8 * MiB - granule;

  enum Flags : uint32_t { used = 1, previous_free = 2 };

  // Of the block whose payload, or the page whose slots, begin at p.
  static SmallBlock* of(void* p) noexcept { return at(static_cast<char*>(p) - word_bytes); }
  static SmallBlock* at(void* address) noexcept { return static_cast<SmallBlock*>(address); }

  char* payload() noexcept { return reinterpret_cast<char*>(this) + word_bytes; }
  SmallBlock* behind(size_t bytes) noexcept { return at(reinterpret_cast<char*>(this) + bytes); }

  // ---- Free blocks: the word is the size, without flags ----

  uint32_t free_bytes() const noexcept { return word_; }
  SmallLinks& links() noexcept { return *reinterpret_cast<SmallLinks*>(payload()); }

  void become_free(uint32_t bytes) noexcept {
    word_ = bytes;
    behind(bytes - word_bytes)->word_ = bytes;
  }
  SmallBlock* previous() noexcept { return at(reinterpret_cast<char*>(this) - bytes_before()); }
  uint32_t bytes_before() noexcept { return at(reinterpret_cast<char*>(this) - word_bytes)->word_; }

  // ---- Used blocks ----

  // The size and flags of a used block, plain. Where the heap checks, its word holds in the bits
  // above the size a tag, the low bits of its address: what lies before a pointer that is not a
  // block's start seldom has the right one, nor what a block before has overwritten.
  template <Checks checks>
  uint32_t use_word() noexcept {
    return word_ ^ tag<checks>();
  }
  template <Checks checks>
  void become_used(uint32_t bytes_and_flags) noexcept {
    word_ = bytes_and_flags ^ tag<checks>();
  }
  static constexpr uint32_t bytes_in(uint32_t use_word) noexcept { return use_word & size_mask; }
  static constexpr bool is_tag_right(uint32_t use_word) noexcept {
    return use_word >> tag_shift == 0 && (use_word & used) != 0;
  }

  bool is_used() const noexcept { return (word_ & used) != 0; }
  void set_previous_free() noexcept { word_ |= previous_free; }
  void clear_previous_free() noexcept { word_ &= ~uint32_t{previous_free}; }

  // The bare word, for what is not an ordinary block: the end of a region, and pages.
  uint32_t& word() noexcept { return word_; }

 private:
  static constexpr unsigned tag_shift = 23;
  static constexpr uint32_t size_mask = (uint32_t{1} << tag_shift) - granule;

  template <Checks checks>
  uint32_t tag() const noexcept {
    if constexpr (checks == Checks::off) return 0;
    return static_cast<uint32_t>(address_of(this) + word_bytes)
           << (tag_shift - floor_log2(granule));
  }

  uint32_t word_;
};
static_assert(sizeof(SmallBlock) == SmallBlock::word_bytes);

// A page is a used block whose payload is slots of one size. Its word says which slots are free,
// one bit each, beside the flags of any block; so there are no links in slots, nothing that writes
// to freed memory can corrupt the heap, and a double free is seen for certain.
//
// Slots are 8 bytes to 64, a multiple of 8; `slot_area` has room for a whole number of each size
// that matters, and for at most 24.
class SmallPage {
 public:
  static constexpr size_t slot_area = 192;
  static constexpr size_t largest_slot = 64;
  // With the word before and the links behind the slots. Pages lie at multiples of it.
  static constexpr size_t bytes =
      align_up(SmallBlock::word_bytes + slot_area + 2 * sizeof(uint16_t), SmallBlock::granule);

  // How many sizes of slots there are; and which, in ascending order: 8 bytes, and multiples of the
  // granule.
  static constexpr size_t sizes =
      largest_slot / SmallBlock::granule + (SmallBlock::granule == 8 ? 0 : 1);
  static constexpr size_t size(size_t i) noexcept {
    if (SmallBlock::granule == 8) return 8 * (i + 1);
    return i == 0 ? 8 : i * SmallBlock::granule;
  }

  explicit SmallPage(char* slots) noexcept : slots_(slots) {}

  char* slots() const noexcept { return slots_; }

  // Makes a page of what was free; all slots are free.
  void begin(size_t slot_bytes) const noexcept {
    word() = all_free(slot_bytes) | static_cast<uint32_t>(slot_bytes) | SmallBlock::used;
  }

  size_t slot_bytes() const noexcept { return word() & slot_bytes_mask; }
  size_t slot_count() const noexcept { return slot_area / slot_bytes(); }
  bool is_full() const noexcept { return word() < first_bit; }
  bool is_empty() const noexcept { return (word() & free_mask) == all_free(slot_bytes()); }
  bool is_free(size_t slot) const noexcept { return (word() & first_bit << slot) != 0; }
  void free(size_t slot) const noexcept { word() |= first_bit << slot; }

  // The page must not be full.
  [[gnu::always_inline]] char* take() const noexcept {
    const uint32_t w = word();
    const unsigned slot = lowest_bit(w & free_mask);
    word() = w & ~(uint32_t{1} << slot);
    return slots_ + (slot - first_shift) * (w & slot_bytes_mask);
  }

  // Numbers of pages in the same bin, plus one; 0: none.
  uint16_t& next() const noexcept { return link(0); }
  uint16_t& previous() const noexcept { return link(1); }

  uint32_t& word() const noexcept { return SmallBlock::of(slots_)->word(); }

 private:
  static constexpr unsigned first_shift = 8;
  static constexpr uint32_t first_bit = uint32_t{1} << first_shift;
  static constexpr uint32_t free_mask = ~(first_bit - 1);
  static constexpr uint32_t slot_bytes_mask = 0x78;
  static_assert(slot_area / 8 <= 32 - first_shift);

  static uint32_t all_free(size_t slot_bytes) noexcept {
    return ((uint32_t{1} << slot_area / slot_bytes) - 1) << first_shift;
  }

  struct [[gnu::may_alias]] Link {
    uint16_t number;
  };
  uint16_t& link(size_t i) const noexcept {
    return reinterpret_cast<Link*>(slots_ + slot_area)[i].number;
  }

  char* slots_;
};

}  // namespace rsb
