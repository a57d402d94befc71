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
// Room full: for Checks::full of all heaps, and for the room guard_pages.
#pragma once

#include "rsb/internal/full/guarded_releasing.hpp"

namespace rsb {

template <class Below, class Config>
class GuardedHeap : public GuardedReleasing<Below, Config> {
  using Base = GuardedReleasing<Below, Config>;
  using Base::base_of, Base::begin, Base::by_all_means, Base::bytes_below, Base::fault_in_handler,
      Base::flush, Base::front_for, Base::gets_null, Base::handed_out, Base::has_guard_pages,
      Base::is_small, Base::is_usual, Base::judge_, Base::live, Base::live_made, Base::live_sized,
      Base::may_begin_nowait, Base::may_have_record, Base::natural_alignment, Base::note_begin,
      Base::queue_, Base::record_in, Base::refuse_other_alignment, Base::refuse_overflow,
      Base::resize, Base::retire, Base::secret_, Base::tell_cleared, Base::tell_opened,
      Base::tell_released, Base::total_for, Base::usual_front, Base::verify_handed_out;
  using typename Base::Inside, typename Base::Live, typename Base::State;

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
    const Inside inside;
    if (block != nullptr) retire(live_made(block, Made::by_allocate, caller), caller);
  }
  [[gnu::noinline]] void deallocate(void* block, size_t size) noexcept {
    const void* const caller = return_address();
    const Inside inside;
    if (block != nullptr) retire(live_sized(block, size, Made::by_allocate, caller), caller);
  }
  [[gnu::noinline]] void deallocate(void* block, size_t size, size_t alignment) noexcept {
    const void* const caller = return_address();
    const Inside inside;
    if (block == nullptr) return;
    const Live found = live_sized(block, size, Made::by_allocate, caller);
    refuse_other_alignment(found.record, alignment);
    retire(found, caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block) noexcept {
    const void* const caller = return_address();
    const Inside inside;
    if (block != nullptr) retire(live_made(block, made, caller), caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block, size_t size) noexcept {
    const void* const caller = return_address();
    const Inside inside;
    if (block != nullptr) retire(live_sized(block, size, made, caller), caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block, size_t size,
                                       size_t alignment) noexcept {
    const void* const caller = return_address();
    const Inside inside;
    if (block == nullptr) return;
    const Live found = live_sized(block, size, made, caller);
    refuse_other_alignment(found.record, alignment);
    retire(found, caller);
  }

  void expect_size(const void* block, size_t size) noexcept {
    const Inside inside;
    if (block == nullptr || !Below::may_own(block)) return;
    if (live(block)->size() != size) raise(Fault::size_mismatch, block);
  }
  void expect_size(const void* block, size_t size, size_t alignment) noexcept {
    if (block == nullptr || !Below::may_own(block)) return;
    expect_size(block, size);
    refuse_other_alignment(live(block).record, alignment);
  }

  // ---- Without waiting ----

  // What is written to such a block while it is free is not seen: it is not filled, nor does it
  // wait in the queue. Guard pages of a large one are given up at once, by the page source's
  // unprotect().
  [[gnu::noinline]] void deallocate_nowait(void* block) noexcept {
    const Inside inside;
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
    tell_released(record);
    tell_opened(record);
    char* const base = base_of(record);
    // The one thing that the page source is asked for.
    if constexpr (has_guard_pages) {
      if (!record.has_front() && !Base::end_guarding(base)) return Base::leave_to_others(record);
    }
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
    const Inside inside;
    return block != nullptr ? live(block)->size() : 0;
  }

  // The live block that the address points into, or into what guards it; null: none. Linear.
  void* block_with(const void* p) noexcept {
    const Inside inside;
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
    const Inside inside;
    if (block == nullptr || !is_aligned(block, alignof(BlockRecord))) return {};
    if (!may_have_record(block)) return {};
    const BlockRecord& record = *BlockRecord::of(block);
    if (!record.is(State::live, secret_)) return {};
    return {true, record.made(), record.size(), record.allocated_by()};
  }

  // Of a live block, which is to be released accordingly from now on.
  void note_making(void* block, Made made, const void* caller) noexcept {
    const Inside inside;
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
    const Inside inside;
    flush();
    size_t freed = Below::trim();
    while (Base::flush_stuck()) freed += Below::trim();  // for which there may be room now
    return freed;
  }

  [[nodiscard, gnu::cold]] size_t remove_region(void* base, size_t bytes) noexcept {
    const Inside inside;
    flush();
    return Below::remove_region(base, bytes);
  }

  // Begins anew, as SmallHeap's.
  void clear() noexcept requires is_small {
    const Inside inside;
    tell_cleared([this](char* below, size_t its_bytes) { return record_in(below, its_bytes); });
    queue_.clear();
    if constexpr (is_small) Below::clear();
  }

 private:
  template <class, class>
  friend class GuardedInspector;

  // ---- Making ----

  void* make(size_t size, size_t alignment, Fill fill, Made made, const void* caller) noexcept {
    const Inside inside;
    if (is_usual(size, alignment)) [[likely]]
      return make_in_slot(size, fill, made, caller);
    return gets_null(size) ? nullptr : make_block(size, alignment, fill, made, caller);
  }

  // The same as make_block(), where most is known beforehand.
  void* make_in_slot(size_t size, Fill fill, Made made, const void* caller) noexcept {
    if constexpr (!is_small) {
      using SlotClasses = typename Below::Classes;
      note_begin();
      const size_t total = total_for(size, usual_front);
      char* const base = static_cast<char*>(by_all_means([&] { return Below::allocate(total); }));
      if (base == nullptr) return nullptr;
      const size_t bytes = SlotClasses::layout(SlotClasses::of(total)).size;
      verify_handed_out(base, bytes, usual_front);
      void* const block =
          begin(base + usual_front, size, bytes - usual_front, usual_front, made, caller);
      if (fill == Fill::zero) __builtin_memset(block, 0, size);
      return handed_out(block, fill);
    }
    return nullptr;
  }

  void* make_block(size_t size, size_t alignment, Fill fill, Made made,
                   const void* caller) noexcept {
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    note_begin();
    const size_t front = front_for(alignment);
    const size_t total = total_for(size, front);
    if constexpr (has_guard_pages) {
      const bool is_large = total > Below::Classes::largest && total != SIZE_MAX;
      if ((is_large || size == 0) && alignment <= Below::page) {
        const auto fence = Base::fence_for(size, alignment);
        if (void* const again = Base::reuse_guarded(fence, size, fill, made, caller))
          return handed_out(again, fill);
        if (Base::may_guard()) {
          char* const base = base_for(fence.pages * Below::page, Below::page, fill);
          return handed_out(Base::begin_guarded(base, fence, size, made, caller), fill);
        }
      }
    }
    char* const base = base_for(total, alignment);
    if (base == nullptr) return nullptr;
    const size_t bytes = bytes_below(base);
    verify_handed_out(base, bytes, front);
    void* const block = begin(base + front, size, bytes - front, front, made, caller);
    if (fill == Fill::zero) __builtin_memset(block, 0, size);
    return handed_out(block, fill);
  }

  template <class... Filled>
  char* base_for(size_t bytes, size_t alignment, Filled... fill) noexcept {
    return static_cast<char*>(by_all_means([&] {
      return alignment > natural_alignment ? Below::allocate(bytes, alignment, fill...)
                                           : Below::allocate(bytes);
    }));
  }

  void* make_nowait(size_t size, size_t alignment, const void* caller) noexcept {
    const Inside inside;
    if ((alignment & (alignment - 1)) != 0 || gets_null(size)) return nullptr;
    if (!may_begin_nowait()) return nullptr;
    const size_t front = front_for(alignment);
    const size_t total = total_for(size, front);
    char* const base =
        static_cast<char*>(alignment > natural_alignment ? Below::allocate_nowait(total, alignment)
                                                         : Below::allocate_nowait(total));
    if (base == nullptr) return nullptr;
    verify_handed_out(base, total, front);
    void* const block = begin(base + front, size, total - front, front, Made::by_allocate, caller);
    return handed_out(block, Fill::none);
  }

  // ---- Resizing ----

  void* remake(void* block, size_t size, size_t alignment, const void* caller) noexcept {
    const Inside inside;
    if (block == nullptr) return make(size, alignment, Fill::none, Made::by_allocate, caller);
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    const Live found = live_made(block, Made::by_allocate, caller);
    BlockRecord& record = found.record;
    refuse_overflow(record);
    const size_t old_size = record.size();
    const size_t front = record.front();
    if (front != 0 && front == front_for(alignment) && is_aligned(block, larger(alignment, 1))) {
      const size_t bytes = bytes_below(base_of(record));
      const size_t total = total_for(size, front);
      if (total <= bytes && total >= bytes / 2) {
        resize(record, size, bytes - front);
        return block;
      }
    }
    void* const copy = make_block(size, alignment, Fill::none, Made::by_allocate, caller);
    if (copy == nullptr) {
      if (size > old_size || !is_aligned(block, larger(alignment, 1))) return nullptr;
      // Or a release with this alignment would be taken for one with another than it was made with.
      if (alignment != 0 && front != 0 && front != front_for(alignment)) return nullptr;
      resize(record, size, record.guarded_size());
      return block;
    }
    __builtin_memcpy(copy, block, smaller(old_size, size));
    retire(found, caller);
    return copy;
  }
};

}  // namespace rsb
