// SPDX-License-Identifier: MIT OR Apache-2.0
// What a small heap's memory consists of: blocks, one behind the other.
//
// A block is a word and a payload. The word lies directly before the payload, which is aligned to
// `granule`; so words lie 4 bytes before multiples of `granule`, and block sizes, which include the
// word, are multiples of it. The word holds the size, whether the block is in use, and whether the
// block before it is free. A free block also holds links to its list, and in its last 4 bytes its
// size again, by which the block behind finds its beginning (Knuth, "The Art of Computer
// Programming", volume 1, 2.5: boundary tags).
//
// Two free blocks never lie side by side.
//
// Room small: for SmallHeap alone.
#pragma once

#include <stdint.h>

#include "rsb/options.hpp"

namespace rsb {

class SmallBlock;

// Sizes of blocks: four bytes, or as many as any size has.
template <size_t bytes_of_size>
struct SmallBlockBytes {
  using Type = uint32_t;
};
template <>
struct SmallBlockBytes<2> {
  using Type = size_t;
};

// In the payload of a free block.
struct [[gnu::may_alias]] SmallLinks {
  SmallBlock* next;
  SmallBlock** back;  // the pointer that points at this block: a list's head or a `next`
};

class [[gnu::may_alias]] SmallBlock {
 public:
  // What malloc and new have to align to, since compilers rely on it: 16 bytes; 8 on 32-bit Arm,
  // and where it could be less. The largest of what this compiler relies on for new, C libraries
  // give, and objects of any type need: compilers for the same machine differ (i686, s390x), and
  // one may compile what another's new serves. Not more than 16, lest it depend on options (-mavx).
  static constexpr size_t granule =
      larger(larger(larger(2 * sizeof(void*), size_t{__STDCPP_DEFAULT_NEW_ALIGNMENT__}),
                    smaller(size_t{__BIGGEST_ALIGNMENT__}, 16)),
             8);
  static constexpr size_t word_bytes = sizeof(uint32_t);
  // Room for a word, links, and the size again.
  static constexpr size_t least = align_up(word_bytes + sizeof(SmallLinks) + 4, granule);
  static constexpr size_t most = integer_cast<size_t>(
      sizeof(size_t) > 2 ? (uint32_t{8} << 20) - granule : max_object_bytes + 1 - granule);

  using Bytes = SmallBlockBytes<sizeof(size_t)>::Type;

  enum Flags : uint32_t { used = 1, previous_free = 2 };

  // Of the block whose payload, or the page whose slots, begin at p.
  static SmallBlock* of(void* p) noexcept { return at(static_cast<char*>(p) - word_bytes); }
  static SmallBlock* at(void* address) noexcept { return static_cast<SmallBlock*>(address); }

  char* payload() noexcept { return reinterpret_cast<char*>(this) + word_bytes; }
  SmallBlock* behind(size_t bytes) noexcept { return at(reinterpret_cast<char*>(this) + bytes); }

  // ---- Free blocks: the word is the size, without flags ----

  Bytes free_bytes() const noexcept { return integer_cast<Bytes>(word_); }
  SmallLinks& links() noexcept { return *reinterpret_cast<SmallLinks*>(payload()); }

  void become_free(Bytes bytes) noexcept {
    word_ = bytes;
    behind(bytes - word_bytes)->word_ = bytes;
  }
  SmallBlock* previous() noexcept { return at(reinterpret_cast<char*>(this) - bytes_before()); }
  Bytes bytes_before() noexcept {
    return at(reinterpret_cast<char*>(this) - word_bytes)->free_bytes();
  }

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
  static constexpr Bytes bytes_in(uint32_t use_word) noexcept {
    return integer_cast<Bytes>(use_word & size_mask);
  }
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
    return integer_cast<uint32_t>(address_of(this) + word_bytes)
           << (tag_shift - floor_log2(granule));
  }

  uint32_t word_;
};
static_assert(sizeof(SmallBlock) == SmallBlock::word_bytes);

}  // namespace rsb
