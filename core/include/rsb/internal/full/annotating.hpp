// SPDX-License-Identifier: MIT OR Apache-2.0
// What tools that look on are told of blocks with Checks::full, if the configuration has
// Annotations. They see the record before a block, its tail, and all of a block that waits in the
// queue as nobody's memory; what the heap below has back is like any other, so that it need not
// know of this.
//
// What the heap itself reads there, it reads in functions that are not instrumented
// (block_record.hpp), and inside InsideHeap. Where it writes bytes of known values, it has opened
// the memory before: compilers call functions for that which are watched in any case.
//
// Room full: for Checks::full of all heaps.
#pragma once

#include "rsb/annotations.hpp"
#include "rsb/internal/full/without_guard_pages.hpp"

namespace rsb {

template <class Below, class Config>
class Annotating : public GuardPages<Below, Config> {
 protected:
  using Base = GuardPages<Below, Config>;
  using Base::base_of, Base::bytes_below, Base::has_guard_pages, Base::is_small, Base::secret_;
  using typename Base::State;
  using Inside = InsideHeap<Config>;

  static constexpr bool annotates = Annotated<Config>;

  // The block, of which the record is made; null: there is none.
  void* handed_out(void* block, [[maybe_unused]] Fill fill) noexcept {
    if constexpr (annotates) {
      if (block == nullptr) return nullptr;
      const Contents contents = fill == Fill::zero ? Contents::zeroes : Contents::undefined;
      Config::Annotations::allocated(annotated(*BlockRecord::of(block)), contents);
    }
    return block;
  }

  // The record of a live block, as it is to be from now on.
  void resize([[maybe_unused]] BlockRecord& record, size_t size, size_t its_room) noexcept {
    if constexpr (annotates) {
      const AnnotatedBlock before = annotated(record);
      Config::Annotations::opened(before.block_end(), bytes_from(before.block_end(), before.end));
      record.resize(size, its_room, secret_);
      Config::Annotations::resized(annotated(record), before.size);
    } else {
      record.resize(size, its_room, secret_);
    }
  }

  // The block is to be filled: it is nobody's when that is done.
  void tell_releasing(BlockRecord& record) noexcept { tell_opened(record); }
  void tell_released([[maybe_unused]] BlockRecord& record) noexcept {
    if constexpr (annotates) Config::Annotations::released(annotated(record));
  }

  // The heap below is to have it back.
  void tell_opened([[maybe_unused]] BlockRecord& record) noexcept {
    if constexpr (annotates) {
      const AnnotatedBlock block = annotated(record);
      Config::Annotations::opened(block.begin, block.bytes());
    }
  }

  // The same of a large one.
  void tell_opened([[maybe_unused]] char* base) noexcept {
    if constexpr (annotates) Config::Annotations::opened(base, bytes_below(base));
  }

  // No block is live any more, nor does one wait.
  template <class RecordIn>
  void tell_cleared([[maybe_unused]] RecordIn record_in) noexcept {
    if constexpr (annotates) {
      Below::for_each_live([&](char* below, size_t bytes) {
        BlockRecord* const record = record_in(below, bytes);
        if (record != nullptr && record->is(State::live, secret_)) tell_released(*record);
        Config::Annotations::opened(below, bytes);
      });
    }
  }

 private:
  // Of what a slot begins with, in use or not, the heap below sees by itself which of both it is.
  static constexpr size_t seen_below = is_small ? 0 : 8;

  AnnotatedBlock annotated(BlockRecord& record) noexcept {
    char* const base = base_of(record);
    char* end = record.block() + record.guarded_size();
    if constexpr (has_guard_pages) {
      if (!record.has_front()) end = base + bytes_below(base);
    }
    return {base + seen_below, record.block(), record.size(), end};
  }
};

}  // namespace rsb
