// SPDX-License-Identifier: MIT OR Apache-2.0
// What a heap refuses, and by which name: blocks that are none or not live any more, sizes that are
// not theirs, links that were written to.
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/internal/heap/heap_state.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapFaults : protected HeapState<Config> {
 protected:
  using Base = HeapState<Config>;
  using Base::broken_invariant, Base::bytes_of_block, Base::find, Base::head_of, Base::is_cached,
      Base::is_live_large, Base::offset_in_span, Base::pages_for;
  using Base::checked, Base::longest_cached_run, Base::options, Base::page, Base::verifies;
  using Base::pages_, Base::shrunk_in_place_;
  using typename Base::Classes, typename Base::LockGuard;

  // Faults if `block` is not the start of a live block.
  void refuse_unless_live(Span* span, const void* block) noexcept {
    if constexpr (!checked) return;
    if (is_live_large(span, block)) return;
    if (span->is_span()) {
      if (span->is_in_use(block, offset_in_span(span, block))) return;
      refuse_slot(span, block);
    }
    refuse_run(span, block);
  }

  // With Checks::full, of a descriptor that is to be touched: faults if it was written to, so far
  // as that can be seen at once.
  void verify([[maybe_unused]] const Span* span) noexcept {
    if constexpr (verifies) {
      if (is_damaged(span)) [[unlikely]]
        refuse_descriptor(span);
    }
  }
  [[gnu::noinline]] bool is_damaged(const Span* span) const noexcept {
    return broken_invariant(span) != nullptr;
  }

  // The same for who has a live block, and not the lock: so far as nothing changes.
  static void verify_shape([[maybe_unused]] const Span* span) noexcept {
    if constexpr (verifies) {
      const bool is_damaged = Span::is_span(span->kind_without_lock())
                                  ? SpanInvariants<Classes>::broken_shape(*span) != nullptr
                                  : span->has_larger_slots();
      if (is_damaged) [[unlikely]]
        raise(Fault::damaged_descriptor, span);
    }
  }

  // ---- Names ----

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_slot(const Span* span,
                                                          const void* block) noexcept {
    pages_.fail(fault_of_slot(span, block), block);
  }

  [[gnu::cold, gnu::noinline]] static Fault fault_of_slot(const Span* span,
                                                          const void* block) noexcept {
    const size_t offset = bytes_from(span->base, block);
    const bool inside = offset < size_t{span->end} * 4;
    const bool at_slot = offset % span->slot_bytes() == 0;
    Fault fault = Fault::double_free;
    if (!inside || (at_slot && offset >= size_t{span->slots.fresh} * 4)) {
      fault = Fault::foreign_pointer;
    } else if (offset % 4 != 0) {
      fault = Fault::misaligned_pointer;
    } else if (!at_slot) {
      fault = Fault::interior_pointer;
    }
    return fault;
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_run(const Span* span,
                                                         const void* block) noexcept {
    Fault fault = fault_of_run(span, block);
    if (fault == Fault::foreign_pointer) {
      const Span* const run = run_with(block);  // only for a good name
      if (run == nullptr) fault = Base::fault_without_run(block, 0);
      if (run != nullptr && run->kind == Kind::large) fault = Fault::interior_pointer;
    }
    pages_.fail(fault, block);
  }

  [[gnu::cold, gnu::noinline]] static Fault fault_of_run(const Span* span,
                                                         const void* block) noexcept {
    Fault fault = Fault::foreign_pointer;
    if (!is_aligned(block, 4)) {
      fault = Fault::misaligned_pointer;
    } else if (span->kind == Kind::large) {
      fault = is_cached(span) ? Fault::double_free : Fault::interior_pointer;
    } else if (span->kind == Kind::free || span->kind == Kind::free_last) {
      fault = Fault::double_free;
    }
    return fault;
  }

  // The run of pages that the address lies in; null: none. Looks through all of them.
  [[gnu::cold]] const Span* run_with(const void* p) const noexcept {
    const PageRuns<options>& runs = pages_.runs_;
    for (const Span* a = runs.acquisitions(); a != nullptr; a = a->next_acquisition) {
      for (const Span* run = a; run != nullptr; run = runs.next_run(run)) {
        if (bytes_from(run->base, p) < runs.length(run) * page) return run;
      }
    }
    return nullptr;
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_descriptor(const Span* span) noexcept {
    pages_.fail(Fault::damaged_descriptor, span);
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_link(const Span* span) noexcept {
    pages_.fail(Fault::overwritten_link, span->slot(span->slots.first_free));
  }

  // ---- Sizes ----

  // Bytes of a live block that may be used; 0 for null.
  size_t usable_size(const void* block) noexcept {
    if (block == nullptr) return 0;
    Span* span = find(block);
    LockGuard guard(pages_.lock_);
    span = head_of(span);
    refuse_unless_live(span, block);
    return bytes_of_block(span);
  }

  // The class of a live block does not change, so it is looked at without the lock.
  [[gnu::always_inline]] void expect_class(const void* block, size_t size, SizeClass c) noexcept {
    if constexpr (checked) {
      const Span* const span = pages_.map().find(block);
      if (span != nullptr && !has_size(span, size, c)) [[unlikely]]
        refuse_size(block, size);
    }
  }

  // Whether that would not fault, and without a fault of any kind: a block of this heap is of this
  // class, or the address is none of its.
  [[gnu::always_inline]] bool may_have_class(const void* block, size_t size,
                                             SizeClass c) const noexcept {
    if constexpr (!checked) return true;
    const Span* const span = pages_.map().find(block);
    return span == nullptr || has_size(span, size, c);
  }

  bool has_size(const Span* span, size_t size, SizeClass c) const noexcept {
    return span->size_class == c && (c != Classes::none || has_length(span, pages_for(size)));
  }
  // Or one that a cache would give for it.
  static bool has_length(const Span* span, size_t pages) noexcept {
    if (span->pages == pages) return true;
    if (pages > span->pages || span->pages > longest_cached_run) return false;
    return run_length_class(rounded_run(pages)) == run_length_class(span->pages);
  }

  // A pointer that is wrong in itself is named so; else it is the size.
  [[gnu::cold, gnu::noinline]] void refuse_size(const void* block, size_t size) noexcept {
    if (block == nullptr) return;
    if (size <= usable_size(block) && load_relaxed(&shrunk_in_place_)) return;
    raise(Fault::size_mismatch, block);
  }
};

}  // namespace rsb
