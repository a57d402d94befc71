// SPDX-License-Identifier: MIT OR Apache-2.0
// What all blocks of a small heap have in common, however they are found.
//
// A region's memory is cut into blocks, one behind the other, each a whole number of granules. A
// block is known by its payload, which is aligned to the granule. Two free blocks never lie side by
// side. What says where blocks begin, and which are free, is a class of its own: SmallTable, bits
// at the side, or SmallWords, a word before each. Both have the same functions, of which the heap
// is made; the arguments are what the heap knows, and each uses what it needs:
//
//   Block                what a free block's payload holds: next, back, and what else there is
//   overhead, least      bytes that a block has before its payload; the smallest block
//   table_bytes(n)       how much memory besides a region of n bytes needs
//   find_live()          the live block at an address: its size, and that of a free one before it;
//                        false if there is none
//   begin_taking(), ...  what changes when a block becomes used, or free, or another size
//
// Room small: for the room small_heap, SmallHeap's.
#pragma once

#include "rsb/internal/machine/bits.hpp"
#include "rsb/options.hpp"

namespace rsb {

// What malloc and new have to align to, since compilers rely on it: 16 bytes; 8 on 32-bit Arm, and
// where it could be less. The largest of what this compiler relies on for new, C libraries give,
// and objects of any type need: compilers for the same machine differ (i686, s390x), and one may
// compile what another's new serves. Not more than 16, lest it depend on options (-mavx).
inline constexpr size_t small_granule =
    larger(larger(larger(2 * sizeof(void*), size_t{__STDCPP_DEFAULT_NEW_ALIGNMENT__}),
                  smaller(size_t{__BIGGEST_ALIGNMENT__}, 16)),
           8);
inline constexpr unsigned small_granule_bits = floor_log2(integer_cast<unsigned>(small_granule));

// How large a region, and so a block, may be.
inline constexpr size_t small_most =
    integer_cast<size_t>(sizeof(size_t) > 2 ? (uint32_t{8} << 20) - small_granule
                                            : max_object_bytes + 1 - small_granule);

// Where SmallTable has the word for address 0, or would have it. By itself, so that who holds a
// copy need not read it again after each write.
struct SmallMap {
  uintptr_t origin = 0;
};

// Memory that is cut into blocks.
struct SmallRegion : SmallMap {
  char* first = nullptr;   // the first block's payload
  size_t bytes = 0;        // of all blocks, and of the top
  void* table = nullptr;   // SmallTable's, if it is that which finds blocks
  size_t table_bytes = 0;  // for how many bytes of blocks it is large enough
  char* base = nullptr;    // as it was given
  size_t given_bytes = 0;
  bool is_of_source = false;  // the configuration's Pages returned it
  SmallRegion* next = nullptr;
};

struct SmallLive {
  size_t bytes;
  size_t before;  // of a free block directly before it; 0: there is none
};

}  // namespace rsb
