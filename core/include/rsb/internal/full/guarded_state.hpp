// SPDX-License-Identifier: MIT OR Apache-2.0
// What a heap with Checks::full adds to the one below: its options, its secret, the queue, and how
// much is asked of the heap below for a block.
//
// Room full: for Checks::full of all heaps, and for the room guard_pages.
#pragma once

#include "rsb/fault.hpp"
#include "rsb/internal/blocks/description.hpp"
#include "rsb/internal/blocks/request.hpp"
#include "rsb/internal/full/block_record.hpp"
#include "rsb/internal/full/freed_queue.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/page_source.hpp"

namespace rsb {

// A configuration like another one, for the heap below.
template <class Config>
struct UnderGuards : Config {
  static constexpr auto options = [] {
    auto o = Config::options;
    o.checks = Checks::under_guards;
    return o;
  }();
  static uint32_t random() noexcept = delete;  // which is asked once: what guards blocks seeds both
};

// Whether large blocks lie between pages that nobody can touch: see guard_pages.hpp.
template <class Config>
concept WithGuardPages = ProtectingSource<typename Config::Pages> &&(
    !requires { Config::full; } || requires { requires Config::full.guarded_blocks != 0; });

template <class C>
concept FullyChecked = C::options.checks == Checks::full;

template <class Below, class Config>
class GuardedState : public Below {
 public:
  static constexpr auto options = Config::options;
  static constexpr bool tells_makers = true;
  static constexpr FullOptions full = [] {
    if constexpr (requires { Config::full; }) {
      return Config::full;
    } else {
      return FullOptions{};
    }
  }();

  // Before the first allocation; later, nothing changes for what guards blocks.
  void seed(uint32_t random) noexcept {
    if constexpr (requires(Below & base) { base.seed(random); }) Below::seed(random);
    Guard guard(Below::lock());
    if (!load_relaxed(&has_begun_)) secret_ ^= random;
  }

  // Who is asked before a release in another way than a block was made is named, by whoever made it
  // and whoever releases it: false lets it pass. None: it is named.
  using MismatchJudge = bool (*)(const void* allocated_by, const void* released_by);
  void set_mismatch_judge(MismatchJudge judge) noexcept { store_relaxed(&judge_, judge); }

 protected:
  static constexpr bool is_small = SameAs<decltype(Config::options), const SmallOptions>;

  using State = BlockRecord::State;
  using Queue = FreedQueue<full.queue_blocks>;

  static constexpr size_t record_bytes = sizeof(BlockRecord);
  static constexpr unsigned char freed_byte = full.clears ? 0 : 0xfd;

  // What the heap below aligns to by itself; and what malloc's blocks are to be aligned to.
  static constexpr size_t natural_alignment = [] {
    if constexpr (is_small) return Below::granule;
    if constexpr (!is_small) return larger(16, Config::options.least_alignment);
  }();

  // Whether slots know that they were never handed out, so that what looks freed is.
  static constexpr bool verifies_slots = !is_small && record_bytes == 32;

  // Of so many bytes to the heap below.
  static bool is_slot([[maybe_unused]] size_t bytes) noexcept {
    if constexpr (!is_small) return bytes <= Below::Classes::largest;
    return false;
  }
  static bool is_verified_slot(size_t bytes) noexcept { return verifies_slots && is_slot(bytes); }

  // A record and all that lies around a block, as of now.
  void* begin(char* block, size_t size, size_t its_room, size_t front, Made made,
              const void* caller) noexcept {
    BlockRecord& record = *BlockRecord::of(block);
    record.note_change();
    record.begin(size, its_room, front, made, caller, secret_);
    return block;
  }

  // Of `bytes` of the heap below, where a block will begin `front` bytes behind the start: what
  // began elsewhere, perhaps before clear(), and would be taken for that block once its own record
  // is broken.
  static void forget_former(char* base, size_t bytes, size_t front) noexcept {
    for (size_t nearer = record_bytes; nearer < front; nearer *= 2) {
      BlockRecord::of(base + nearer)->forget();
    }
    for (size_t farther = 2 * front; farther < bytes; farther *= 2) {
      BlockRecord* const record = BlockRecord::of(base + farther);
      if (record->has_front_of(farther)) record->forget();
    }
  }

  // ---- The secret, and when it is made ----

  // Before anything is made, and the only place where the secret changes if the configuration
  // KnowsRandom: who sees that it has begun sees the secret.
  void note_begin() noexcept {
    if (load_acquire(&has_begun_)) [[likely]]
      return;
    if constexpr (KnowsRandom<Config>) {
      begin_with_secret();
    } else {
      store_relaxed(&has_begun_, true);
    }
  }

  [[gnu::cold, gnu::noinline]] void begin_with_secret() noexcept {
    if constexpr (KnowsRandom<Config>) {
      uint32_t random;
      {
        Guard guard(Below::lock());
        if (load_relaxed(&has_begun_)) return;
        random = Config::random();
        secret_ ^= random;
        store_release(&has_begun_, true);
      }
      if constexpr (requires(Below & base) { base.seed(random); })
        Below::seed(random * 0x9e3779b1u);
    }
  }

  // The same in a handler, which cannot wait. False: nobody has begun.
  bool may_begin_nowait() noexcept {
    if constexpr (KnowsRandom<Config>) {
      return load_acquire(&has_begun_);
    } else {
      note_begin();
      return true;
    }
  }

  // With the lock held.
  uint32_t random() noexcept {
    random_ = random_ * 0x2c9277b5u + (secret_ | 1);
    return random_;
  }

  // ---- Sizes ----

  static bool gets_null([[maybe_unused]] size_t size) noexcept {
    if constexpr (is_small) return Config::options.null_for_zero && size == 0;
    return false;
  }

  // Bytes before a block that is aligned so; a power of two.
  static size_t front_for(size_t alignment) noexcept {
    return larger(alignment == 0 ? natural_alignment : alignment, record_bytes);
  }

  // What is asked of the heap below, whole words; SIZE_MAX if that is too much.
  static size_t total_for(size_t size, size_t front) noexcept {
    const size_t around = front + BlockRecord::least_tail;
    if (size > max_object_bytes || around > max_object_bytes) return SIZE_MAX;
    return align_up(size + around, sizeof(size_t));
  }

  static constexpr size_t usual_front = larger(natural_alignment, record_bytes);

  // Whether a block of malloc's alignment is made in a slot, and is no special case.
  static bool is_usual([[maybe_unused]] size_t size, [[maybe_unused]] size_t alignment) noexcept {
    if constexpr (!is_small) {
      constexpr size_t around = usual_front + BlockRecord::least_tail;
      if constexpr (Below::Classes::largest > around)
        return alignment == 0 && size - 1 < Below::Classes::largest - around;
    }
    return false;
  }

  // What a live block has to the heap below.
  size_t bytes_below(const void* base) noexcept {
    if constexpr (is_small) return Below::usable_size(base);
    if constexpr (!is_small) return Below::bytes_of_live(base);
  }

  [[no_unique_address]] Queue queue_;
  uint32_t secret_ = 0;
  uint32_t random_ = 0;
  bool has_begun_ = false;  // to allocate
  MismatchJudge judge_ = nullptr;
};

}  // namespace rsb
