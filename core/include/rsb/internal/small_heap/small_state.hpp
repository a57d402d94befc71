// SPDX-License-Identifier: MIT OR Apache-2.0
// What a small heap is made of: its lists, its regions, its top and a few words; sizes of blocks;
// and who is told of them.
//
// Room small_heap: for SmallHeap alone.
#pragma once

#include "rsb/annotations.hpp"
#include "rsb/fault.hpp"
#include "rsb/internal/small/small_lists.hpp"
#include "rsb/internal/small/small_parts.hpp"
#include "rsb/internal/small/small_regions.hpp"
#include "rsb/internal/small/small_table.hpp"
#include "rsb/internal/small/small_words.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"

namespace rsb {

template <class C>
concept SmallHeapConfig =
    Lock<typename C::Lock> && SameAs<decltype(C::options), const SmallOptions>;

// Optional: allocated(block, usable_bytes) is told of every block that is handed out, and
// released(block, usable_bytes) of every one that is free again; of one that changes its size where
// it is, as of both. What deallocate_nowait() was given is released when it is taken over. Called
// with the lock held: they must not call the heap.
template <class C>
concept SmallListener = requires(void* block, size_t bytes) {
  { C::allocated(block, bytes) }
  noexcept;
  { C::released(block, bytes) }
  noexcept;
};

// What tells the blocks of a heap with these options.
template <bool words, Checks checks>
struct SmallMarksFor {
  using Type = SmallTable<checks>;
};
template <Checks checks>
struct SmallMarksFor<true, checks> {
  using Type = SmallWords<checks>;
};
template <SmallOptions options>
using SmallMarks = typename SmallMarksFor<options.words, options.checks>::Type;

// What means to be a listener, and must then be one.
template <class C>
concept HasListener = requires {
  &C::allocated;
}
|| requires {
  &C::released;
};

template <SmallHeapConfig Config>
class SmallState : ValidAnnotations<Config> {
  static_assert(!HasListener<Config> || SmallListener<Config>,
                "a small heap's listener must have allocated(void*, size_t) and released(void*, "
                "size_t), both static and noexcept");

 public:
  static constexpr SmallOptions options = Config::options;
  static constexpr bool checked = options.checks != Checks::off;
  static constexpr size_t granule = small_granule;

  static constexpr size_t block_overhead = SmallMarks<options>::overhead;
  static constexpr size_t least_block = SmallMarks<options>::least;

 protected:
  constexpr SmallState() noexcept = default;

  static constexpr size_t least_of_any_first = 512;

  using HeapGuard = Guard<typename Config::Lock>;
  using Marks = SmallMarks<options>;
  using Lists = SmallLists<Marks>;
  using Block = typename Marks::Block;

  static constexpr bool defers = options.deferred_batch != 0;
  static constexpr bool verifies = verifies_itself(options.checks);
  static constexpr bool has_recourse = HasRecourse<Config>;
  static constexpr bool listens = SmallListener<Config>;
  // Where blocks are told by a table, which is chosen to save bytes, code counts too; but not where
  // the call is many more instructions.
  static constexpr bool calls_to_insert = Marks::has_table && has_bit_scan;
  // Whether null need not be told apart before its region is looked for: in none.
  static constexpr bool finds_null =
      (checked || Marks::has_table) && SameAs<typename Config::Lock, NoLock>;

  bool has_region() const noexcept { return range_ != 0; }

  static Block* block_at(void* p) noexcept { return static_cast<Block*>(p); }
  static char* payload(Block* block) noexcept { return reinterpret_cast<char*>(block); }

  // ---- Sizes ----

  static constexpr size_t block_bytes(size_t size) noexcept {
    return larger(align_up(size + block_overhead, granule), least_block);
  }
  // From here on it is what rounding gives.
  static constexpr size_t least_rounded =
      least_block + 1 > granule + block_overhead ? least_block + 1 - granule - block_overhead : 0;
  // From this size on, requests have no list; without memory, all.
  size_t limit() const noexcept { return range_ == 0 ? 0 : least_rounded + range_; }
  static constexpr bool is_power_of_two_or_0(size_t alignment) noexcept {
    return (alignment & (alignment - 1)) == 0;
  }
  static constexpr bool is_valid(size_t size, size_t alignment) noexcept {
    return is_power_of_two_or_0(alignment) && (size != 0 || !options.null_for_zero);
  }

  // Of what is known to be live.
  static size_t live_bytes(const SmallRegion& region, void* p) noexcept {
    SmallLive live{};
    Marks::find_live(region, p, live);
    return live.bytes;
  }

  // ---- Telling the listener ----

  [[gnu::always_inline]] void tell_allocated([[maybe_unused]] void* block) noexcept {
    if constexpr (listens) {
      if (block != nullptr)
        Config::allocated(block, live_bytes(*regions_.with(block), block) - block_overhead);
    }
  }
  [[gnu::always_inline]] void tell_released([[maybe_unused]] void* block,
                                            [[maybe_unused]] size_t bytes) noexcept {
    if constexpr (listens) Config::released(block, bytes - block_overhead);
  }

  [[noreturn, gnu::cold, gnu::noinline]] void fail(Fault fault, const void* p) noexcept {
    lock_.unlock();
    raise(fault, p);
  }

  Lists lists_;
  char* top_ = nullptr;  // where nothing of the first region was allocated yet
  size_t top_bytes_ = 0;
  size_t range_ = 0;  // of sizes that have a list, from least_rounded on
  SmallRegions<Marks> regions_;
  [[no_unique_address]] SmallStatistics<options.statistics> statistics_;
  [[no_unique_address]] SmallDeferred<defers> deferred_;
  [[no_unique_address]] SmallRecourse<Config> recourse_;
  [[no_unique_address]] typename Config::Lock lock_;
};

}  // namespace rsb
