// SPDX-License-Identifier: MIT OR Apache-2.0
// The values that configure a heap, and the one place that validates them.
#pragma once

#include "rsb/internal/machine/bits.hpp"

namespace rsb {

// A configuration that knows something random, as
//   static uint32_t random() noexcept;
// from which a heap makes its secrets. Asked once, at the first use and before anything is handed
// out that depends on it; under the lock, and perhaps in a handler, so it must not call the heap.
template <class C>
concept KnowsRandom = requires {
  { C::random() }
  noexcept;
};

// How much the heap distrusts its caller.
enum class Checks : uint8_t {
  off,    // trust the caller: misuse corrupts, as in the C standard
  basic,  // foreign, misaligned and interior pointers, double free, wrong sizes, overwritten links
  full,   // also: writes beside blocks and to freed ones, and to what the heap notes; releases in
          // another way than they were made, late double frees; larger blocks, slower
          // (internal/full/guarded_heap.hpp)
  under_guards,  // not for configurations: of the heap that `full` is built on, which verifies what
                 // it has noted itself, and is else as with basic
};

// Whether a heap verifies what it has noted itself when it touches that.
constexpr bool verifies_itself(Checks checks) noexcept {
  return checks == Checks::full || checks == Checks::under_guards;
}

// What is found, with Checks::full, where a block's record will have its seal, from the moment when
// its slot is handed out for the first time.
constexpr uint32_t seal_in_the_making = 0x6d616b65;

// How an address finds the descriptor of its page.
enum class Map : uint8_t {
  radix,  // any address: a tree of nodes from the page source, two or three loads a lookup
  flat,   // memory known by address (Heap::add_region, PageAllocator::add_window): linear in the
          // number of regions, of each its bounds
};

// All sizes are bytes. The defaults suit Linux on 64-bit machines.
struct Options {
  // The unit of the page source and of the page allocator: a power of two, from 64.
  size_t page_size = 16 * KiB;

  // What a bin takes at a time: a power-of-two number of pages, to 64 KiB.
  size_t span_size = 16 * KiB;

  // Requests above this take whole pages; 0: above span_size. The bin of more than half a span has
  // one slot in each, so that 10 KiB cost 16. Where pages are smaller than spans, half of span_size
  // here saves up to a half of that: 10 KiB cost 12 then, with pages of 4. Such blocks are in no
  // magazine of a CachedHeap: see CacheOptions::run_bytes.
  size_t largest_bin = 0;

  // Of blocks whose alignment nobody states, as malloc's: at least this, a power of two up to 64
  // bytes; and to that of a pointer, and to 16 from 16 bytes up. What compilers take for granted is
  // 16 on aarch64, 8 on 32-bit Arm, and no more elsewhere: a heap behind malloc()'s name must not
  // have less. allocate(4, 4) still costs four.
  size_t least_alignment = assumed_malloc_alignment;

  // How much to ask of the page source at a time, and at what alignment. A request above half of
  // acquire_size is acquired on its own, in just its size.
  size_t acquire_size = 32 * MiB;
  size_t acquire_alignment = 2 * MiB;

  // While there is more free memory than this, whole acquisitions that become free are released.
  // Where the source can discard, and what is not yet discarded exceeds the limit, runs of
  // discard_size and more that become free are: each when the next one does, if it is still free.
  // Where it exceeds twice the limit, a sixteenth of discard_size will do. The last
  // threads that end leave less, down to a sixteenth of the limit: see CachedHeap.
  size_t keep_free = 64 * MiB;
  size_t discard_size = 1 * MiB;

  // Pages kept for Heap::allocate_nowait(), in one run.
  size_t reserve_pages = 0;

  // How many blocks that deallocate_nowait() left behind one call takes over, at most; 0: the heap
  // has no deallocate_nowait().
  unsigned deferred_batch = 8;

  Checks checks = Checks::basic;

  Map map = Map::radix;

  // Map::flat: how many regions that lie in no window can be taken out again, in the life of the
  // heap; one that comes back at the same place counts once. Each costs the heap four words.
  size_t removable_regions = 4;

  // Map::radix: pages below one leaf, and leaves below one inner node (0: no inner level; the
  // root, which is part of the heap object, has what remains), all as powers of two.
  //
  // Addresses may have more bits than `address_bits`, if all agree in those above: 35 do for a
  // direct map of 32 GiB, wherever it lies. Pages that differ there are a fault.
  //
  // A leaf takes up to 64 bytes a page, an inner node a pointer for each of its leaves. Where there
  // is no memory for a leaf, it may cover a part of its reach, down to what the descriptors in one
  // page cover. With 5.6 MB in use, side by side, and pages of 4 KiB, such nodes come to, and the
  // root to:
  //   address, leaf, inner bits     nodes     root
  //   35,  9,  0                  144 KiB  128 KiB
  //   48,  9, 12                  176 KiB  256 KiB
  //   48, 12, 12                  292 KiB   32 KiB
  //   57, 15, 15                  2.3 MiB  256 KiB
  unsigned address_bits = sizeof(void*) == 8 ? 48 : 32;
  unsigned radix_leaf_bits = sizeof(void*) == 8 ? 18 : 10;
  unsigned radix_inner_bits = sizeof(void*) == 8 ? 9 : 0;

  constexpr size_t span_pages() const { return span_size / page_size; }
  constexpr unsigned page_shift() const { return floor_log2(page_size); }
  constexpr unsigned page_number_bits() const { return address_bits - page_shift(); }
  // The most pages that lie in one acquisition, region or block.
  constexpr uint32_t most_run_pages() const {
    return page_number_bits() < 32 ? (uint32_t{1} << page_number_bits()) - 1 : UINT32_MAX;
  }
};

// The values that configure the caches of a heap, as a member of its configuration:
//   static constexpr rsb::CacheOptions caches{.bytes = 16 * rsb::KiB};
struct CacheOptions {
  // What the free slots in all caches are worth, at most, divided by the number of caches. From 32
  // spans up a quarter of it is free slots in spans that a cache owns.
  size_t bytes = 1 * MiB;
  // The same of all together, at least, if there are few of them: for many threads on a small
  // machine.
  size_t all_bytes = 0;
  // What the slots of one cache are worth, at most.
  size_t most_bytes = 4 * MiB;
  // Runs of pages, for blocks above the span size: what those in all caches are worth, at most,
  // divided by the number of caches; or all_bytes together, if that is more. One cache keeps four
  // times as much at most, and none that alone is worth more than this. 0: caches keep none.
  size_t run_bytes = 0;
  // The most slots of one magazine, and what they are worth, at most. For each there is a pointer
  // in the cache, whether used or not.
  unsigned magazine = 16384;
  size_t magazine_bytes = 1 * MiB;
  // The most slots that pass between a magazine and the heap under one turn of the lock, and what
  // they are worth, at most, unless one alone is worth more.
  unsigned batch = 64;
  size_t batch_bytes = 8 * KiB;
};

// The values of Checks::full, as a member of a configuration:
//   static constexpr rsb::FullOptions full{.fill_bytes = 64};
struct FullOptions {
  // How much of a block is filled when it is released, and must be so when it is used again: its
  // first bytes, that many.
  size_t fill_bytes = SIZE_MAX;
  // Filled with zeroes, every byte of every block, so that nobody reads what was in it; but for
  // what handlers release.
  bool clears = false;
  // What the blocks are worth that are kept out of use for a while when they have been released,
  // and how many they are, at most: 16 bytes each in the heap object. Larger ones than a quarter of
  // this are not kept. With less than two blocks there is no queue.
  size_t queue_bytes = sizeof(void*) == 8 ? 1 * MiB : 1 * KiB;
  unsigned queue_blocks = sizeof(void*) == 8 ? 2048 : 16;
  // How many large blocks, and blocks of no bytes, at a time, lie between pages that nobody can
  // touch, where the page source can protect (ProtectingSource). Linux gives a process some 65,000
  // mappings, and each such block takes up to four.
  unsigned guarded_blocks = 8192;
  // When they have been released they are kept, with their guards, for others of about the same
  // size: once all that are kept are worth more than queue_bytes, and up to so much. Larger ones
  // than four times queue_bytes are not; of those larger than a quarter only the first bytes are
  // filled.
  size_t guarded_bytes = sizeof(void*) == 8 ? 32 * MiB : 2 * MiB;
  // Meanwhile they cannot be touched, not even read, but for their first page; as long as no more
  // than so much has been protected in this way, and a page for every 256 of them: each costs calls
  // of the page source. Others are only filled.
  size_t kept_out_bytes = 1 * MiB;
};

// A base of every heap, so that a wrong option is reported by the name of its field.
template <Options o>
struct ValidOptions {
  static_assert(sizeof(size_t) >= 4, "a general heap needs sizes of 32 bits: see SmallHeap");
  static_assert(is_power_of_two(o.page_size) && o.page_size >= 64,
                "Options::page_size must be a power of two, 64 bytes or more");
  static_assert(is_power_of_two(o.span_size) && o.span_size >= o.page_size,
                "Options::span_size must be a power of two and at least one page");
  static_assert(o.span_size >= 256 && o.span_size <= 64 * KiB,
                "Options::span_size must be from 256 bytes to 64 KiB: slot links are 16-bit");
  static_assert(o.largest_bin == 0 || (o.largest_bin >= 16 && o.largest_bin <= o.span_size),
                "Options::largest_bin must be from 16 bytes to span_size, or 0");
  static_assert(o.least_alignment == 0 ||
                    (is_power_of_two(o.least_alignment) && o.least_alignment <= 64),
                "Options::least_alignment must be a power of two up to 64 bytes, or 0");
  static_assert(o.span_pages() <= 16, "Options::span_size must be at most 16 pages");
  static_assert(o.acquire_size >= o.span_size && o.acquire_size % o.page_size == 0,
                "Options::acquire_size must be whole pages and at least one span");
  static_assert(o.address_bits <= sizeof(void*) * __CHAR_BIT__ && o.address_bits > o.page_shift(),
                "Options::address_bits must fit a pointer and exceed the bits of a page");
  static_assert(o.acquire_size / o.page_size <= o.most_run_pages(),
                "Options::acquire_size must be less than 2^32 pages, and less than address_bits "
                "reaches");
  static_assert(is_power_of_two(o.acquire_alignment) && o.acquire_alignment >= o.page_size,
                "Options::acquire_alignment must be a power of two and at least one page");
  static_assert(o.discard_size >= o.page_size, "Options::discard_size must be at least one page");
  static_assert(o.removable_regions != 0, "Options::removable_regions must be at least 1");
  static_assert(o.reserve_pages <= UINT32_MAX && o.reserve_pages <= SIZE_MAX / 2 / o.page_size,
                "Options::reserve_pages must be less than half of all addresses");
  static_assert(o.map != Map::radix ||
                    o.radix_leaf_bits + o.radix_inner_bits < o.page_number_bits(),
                "Options::radix_leaf_bits and radix_inner_bits must leave bits for the root");
  static_assert(o.map != Map::radix ||
                    o.page_number_bits() - o.radix_leaf_bits - o.radix_inner_bits <= 20,
                "Options::radix_leaf_bits and radix_inner_bits leave too large a root");
};

// Of an rsb::SmallHeap.
struct SmallOptions {
  Checks checks = Checks::basic;

  // A word of 4 bytes before each block, instead of a table of one bit for each granule: fewer
  // instructions and less code, and more memory where blocks are small. A pointer that is not to a
  // live block is then seen with odds of a thousand to one, not for certain.
  bool words = false;

  // Bytes; sets how many lists there are. 0: as large as the first region. No region is used
  // beyond it, nor grows.
  size_t largest_region = 0;

  // How many blocks that deallocate_nowait() left behind one call takes over, at most; 0: the heap
  // has no deallocate_nowait(), and no code or data for it. With a lock that masks interrupts, what
  // is masked at a time is the work of a call, and of as many releases.
  unsigned deferred_batch = 0;

  // Whether the heap counts its free bytes, for free_bytes() and least_free_bytes().
  bool statistics = false;

  // Whether a request for 0 bytes gets null, and is no failure; else a block of the least size.
  bool null_for_zero = false;
};

}  // namespace rsb
