// SPDX-License-Identifier: MIT OR Apache-2.0
// Checks::full: what any heap is built into that is to find, besides what Checks::basic names,
// writes beside blocks and to freed ones, releases in the wrong way, and those of what was freed
// long ago. Same interface; what it does not mention is the heap's below.
//
// Theory of operation. Each block is a little larger than was asked for, with a record before and
// known bytes behind (block_record.hpp). A block that is released is filled, and waits in a queue
// (freed_queue.hpp) before the heap below has it back: then the bytes must be as they were left. So
// they must, in slots of bins, when the heap below hands them out again. Large blocks lie between
// pages that nobody can touch, their last bytes at the border, where the page source can protect.
//
// Cost. Two or three turns of the lock a call instead of one, and the filling: linear in
// FullOptions::fill_bytes. In memory the record, 32 bytes (16 where pointers have four), at least 8
// behind the block, and the queue.
//
// Room full: for Checks::full of all heaps.
#pragma once

#include "rsb/internal/full/guarded_releasing.hpp"

namespace rsb {

template <class Below, class Config>
class GuardedHeap : public GuardedReleasing<Below, Config> {
  using Base = GuardedReleasing<Below, Config>;
  using Base::base_of, Base::by_all_means, Base::bytes_below, Base::end_guarding,
      Base::fault_in_handler, Base::flush_queue, Base::front_for, Base::gets_null,
      Base::has_guard_pages, Base::is_small, Base::judge_, Base::live, Base::live_made,
      Base::live_sized, Base::may_begin_nowait, Base::may_guard, Base::may_have_record,
      Base::natural_alignment, Base::note_begin, Base::queue_, Base::record_bytes, Base::record_in,
      Base::refuse_other_alignment, Base::refuse_overflow, Base::retire, Base::secret_,
      Base::total_for, Base::unguarded_, Base::verify_slot;
  using typename Base::State;

 public:
  using Base::full;

  constexpr GuardedHeap() noexcept = default;

  // ---- Allocating ----

  [[nodiscard, gnu::noinline]] void* allocate(size_t size) noexcept {
    return make(size, 0, Fill::none, Made::by_allocate, return_address());
  }
  [[nodiscard, gnu::noinline]] void* allocate(size_t size, size_t alignment) noexcept {
    return make(size, larger(alignment, 1), Fill::none, Made::by_allocate, return_address());
  }
  [[nodiscard, gnu::noinline]] void* allocate(size_t size, size_t alignment, Fill fill) noexcept {
    return make(size, larger(alignment, 1), fill, Made::by_allocate, return_address());
  }
  [[nodiscard, gnu::noinline]] void* allocate_zeroed(size_t size) noexcept {
    return make(size, 0, Fill::zero, Made::by_allocate, return_address());
  }
  // To be released by deallocate_as() with the same `made`. Alignment 0: malloc's. `caller`: where
  // the call returns to, for who calls this and does something more.
  [[nodiscard, gnu::noinline]] void* allocate_as(Made made, size_t size, size_t alignment,
                                                 const void* caller) noexcept {
    return make(size, alignment, Fill::none, made, caller);
  }

  // ---- Releasing ----

  [[gnu::noinline]] void deallocate(void* block) noexcept {
    const void* const caller = return_address();
    if (block != nullptr) retire(live_made(block, Made::by_allocate, caller), caller);
  }
  [[gnu::noinline]] void deallocate(void* block, size_t size) noexcept {
    const void* const caller = return_address();
    if (block != nullptr) retire(live_sized(block, size, Made::by_allocate, caller), caller);
  }
  [[gnu::noinline]] void deallocate(void* block, size_t size, size_t alignment) noexcept {
    const void* const caller = return_address();
    if (block == nullptr) return;
    BlockRecord& record = live_sized(block, size, Made::by_allocate, caller);
    refuse_other_alignment(record, alignment);
    retire(record, caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block) noexcept {
    const void* const caller = return_address();
    if (block != nullptr) retire(live_made(block, made, caller), caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block, size_t size) noexcept {
    const void* const caller = return_address();
    if (block != nullptr) retire(live_sized(block, size, made, caller), caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block, size_t size,
                                       size_t alignment) noexcept {
    const void* const caller = return_address();
    if (block == nullptr) return;
    BlockRecord& record = live_sized(block, size, made, caller);
    refuse_other_alignment(record, alignment);
    retire(record, caller);
  }

  void expect_size(const void* block, size_t size) noexcept {
    if (block == nullptr || !Below::may_own(block)) return;
    if (live(block).size() != size) raise(Fault::size_mismatch, block);
  }
  void expect_size(const void* block, size_t size, size_t) noexcept { expect_size(block, size); }

  // ---- Without waiting ----

  // What is written to such a block while it is free is not seen: it is not filled, nor does it
  // wait in the queue. Guard pages of a large one are given up at once, by the page source's
  // unprotect().
  [[gnu::noinline]] void deallocate_nowait(void* block) noexcept {
    if (block == nullptr) return;
    if (!is_aligned(block, alignof(BlockRecord))) raise(Fault::misaligned_pointer, block);
    if constexpr (!is_small) {
      if (!may_have_record(block)) raise(Fault::foreign_pointer, block);
    }
    BlockRecord& record = *BlockRecord::of(block);
    if (!record.is(State::live, secret_)) raise(fault_in_handler(record), block);
    if (record.made() != Made::by_allocate) raise(Fault::mismatched_release, block);
    refuse_overflow(record);
    record.end(State::freed_only, return_address(), secret_);
    char* const base = base_of(record);
    // The one thing that the page source is asked for.
    if (record.front() == 0 && !end_guarding(base)) return;
    Below::deallocate_nowait(base);
  }

  [[nodiscard, gnu::noinline]] void* allocate_nowait(size_t size) noexcept {
    return make_nowait(size, 0, return_address());
  }
  [[nodiscard, gnu::noinline]] void* allocate_nowait(size_t size, size_t alignment) noexcept {
    return make_nowait(size, larger(alignment, 1), return_address());
  }

  // ---- Resizing ----

  [[nodiscard, gnu::noinline]] void* reallocate(void* block, size_t size) noexcept {
    return remake(block, size, 0, return_address());
  }
  [[nodiscard, gnu::noinline]] void* reallocate(void* block, size_t size,
                                                size_t alignment) noexcept {
    return remake(block, size, larger(alignment, 1), return_address());
  }

  // Just what was asked for.
  size_t usable_size(const void* block) noexcept {
    return block != nullptr ? live(block).size() : 0;
  }

  // The live block that the address points into, or into what guards it; null: none. Linear.
  void* block_with(const void* p) noexcept {
    const BlockPlace place = Below::place_of(p);
    if (!place.is_live) return nullptr;
    BlockRecord* const record = record_in(place.block, place.bytes);
    if (record == nullptr) return place.block;
    return record->is(State::live, secret_) ? record->block() : nullptr;
  }

  // ---- For operators new and delete that stand before those of another library ----

  // What is known of an address without a fault; not live: nothing.
  struct Making {
    bool is_live = false;
    Made made = Made::by_allocate;
    size_t size = 0;
    const void* caller = nullptr;
  };
  Making making_of(const void* block) noexcept {
    if (block == nullptr || !is_aligned(block, alignof(BlockRecord))) return {};
    if (!may_have_record(block)) return {};
    const BlockRecord& record = *BlockRecord::of(block);
    if (!record.is(State::live, secret_)) return {};
    return {true, record.made(), record.size(), record.allocated_by()};
  }

  // Of a live block, which is to be released accordingly from now on.
  void note_making(void* block, Made made, const void* caller) noexcept {
    BlockRecord::of(block)->note_making(made, caller, secret_);
  }

  // ---- The rest ----

  // Of a configuration that KnowsRandom the secret is made here if not before: from now on handlers
  // can allocate.
  template <class... Most>
  size_t add_region(void* base, size_t bytes, Most... most) noexcept requires
      requires(Below& heap) {
    heap.add_region(base, bytes, most...);
  }
  {
    if constexpr (KnowsRandom<Config>) note_begin();
    return Below::add_region(base, bytes, most...);
  }

  [[gnu::cold]] size_t trim() noexcept {
    flush_queue();
    return Below::trim();
  }

  [[nodiscard, gnu::cold]] size_t remove_region(void* base, size_t bytes) noexcept {
    flush_queue();
    return Below::remove_region(base, bytes);
  }

  // Begins anew, as SmallHeap's.
  void clear() noexcept requires is_small {
    queue_ = {};
    if constexpr (is_small) Below::clear();
  }

 private:
  template <class, class>
  friend class GuardedInspector;

  // ---- Making ----

  void* make(size_t size, size_t alignment, Fill fill, Made made, const void* caller) noexcept {
    return gets_null(size) ? nullptr : make_block(size, alignment, fill, made, caller);
  }

  void* make_block(size_t size, size_t alignment, Fill fill, Made made,
                   const void* caller) noexcept {
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    note_begin();
    const size_t front = front_for(alignment);
    const size_t total = total_for(size, front);
    if constexpr (has_guard_pages) {
      if (total > Below::Classes::largest && total != SIZE_MAX && alignment <= Below::page) {
        if (may_guard()) return make_guarded(size, larger(alignment, 16), fill, made, caller);
      }
    }
    char* const base = static_cast<char*>(by_all_means([&] {
      return alignment > natural_alignment ? Below::allocate(total, alignment)
                                           : Below::allocate(total);
    }));
    if (base == nullptr) return nullptr;
    verify_slot(base, total, front);
    return begin(base + front, size, bytes_below(base) - front, front, fill, made, caller);
  }

  void* make_nowait(size_t size, size_t alignment, const void* caller) noexcept {
    if ((alignment & (alignment - 1)) != 0 || gets_null(size)) return nullptr;
    if (!may_begin_nowait()) return nullptr;
    const size_t front = front_for(alignment);
    const size_t total = total_for(size, front);
    char* const base =
        static_cast<char*>(alignment > natural_alignment ? Below::allocate_nowait(total, alignment)
                                                         : Below::allocate_nowait(total));
    if (base == nullptr) return nullptr;
    verify_slot(base, total, front);
    return begin(base + front, size, total - front, front, Fill::none, Made::by_allocate, caller);
  }

  void* begin(char* block, size_t size, size_t its_room, size_t front, Fill fill, Made made,
              const void* caller) noexcept {
    // What began nearer to the slot's start, perhaps before clear(), would be taken for this block.
    for (size_t nearer = record_bytes; nearer < front; nearer *= 2) {
      BlockRecord::of(block - front + nearer)->forget();
    }
    BlockRecord::of(block)->begin(size, its_room, front, made, caller, secret_);
    if (fill == Fill::zero) __builtin_memset(block, 0, size);
    return block;
  }

  // | page | slack of less than a page, record, block, a tail of at most the alignment | page |
  void* make_guarded([[maybe_unused]] size_t size, [[maybe_unused]] size_t alignment,
                     [[maybe_unused]] Fill fill, [[maybe_unused]] Made made,
                     [[maybe_unused]] const void* caller) noexcept {
    if constexpr (has_guard_pages) {
      constexpr size_t border = Below::page;
      size_t its_room = align_up(size, alignment);
      if (its_room % border == border - 16) its_room += 16;  // or the record would lie in two pages
      const size_t body = align_up(record_bytes + its_room, border);
      char* const base = static_cast<char*>(by_all_means([&] {
        return Below::allocate(body + 2 * border, border, fill);  // zeroes perhaps unwritten
      }));
      if (base == nullptr) {
        increment(&unguarded_);
        return nullptr;
      }
      char* const end = base + border + body;
      Below::set_guarded(base, Below::Guarded::yes);
      this->pages().source().protect(base, border);
      this->pages().source().protect(end, bytes_below(base) - border - body);
      char* const block = end - its_room;
      return begin(block, size, its_room, 0, Fill::none, made, caller);
    }
    return nullptr;
  }

  // ---- Resizing ----

  void* remake(void* block, size_t size, size_t alignment, const void* caller) noexcept {
    if (block == nullptr) return make(size, alignment, Fill::none, Made::by_allocate, caller);
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    BlockRecord& record = live_made(block, Made::by_allocate, caller);
    refuse_overflow(record);
    const size_t old_size = record.size();
    const size_t front = record.front();
    if (front != 0 && front == front_for(alignment) && is_aligned(block, larger(alignment, 1))) {
      const size_t bytes = bytes_below(base_of(record));
      const size_t total = total_for(size, front);
      if (total <= bytes && total >= bytes / 2) {
        record.resize(size, bytes - front, secret_);
        return block;
      }
    }
    void* const copy = make_block(size, alignment, Fill::none, Made::by_allocate, caller);
    if (copy == nullptr) {
      if (size > old_size || !is_aligned(block, larger(alignment, 1))) return nullptr;
      record.resize(size, record.guarded_size(), secret_);
      return block;
    }
    __builtin_memcpy(copy, block, smaller(old_size, size));
    retire(record, caller);
    return copy;
  }
};

}  // namespace rsb
