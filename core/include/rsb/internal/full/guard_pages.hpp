// SPDX-License-Identifier: MIT OR Apache-2.0
// Large blocks between pages that nobody can touch, where the page source can protect:
//
//   | page | slack of less than a page, record, block, a tail of at most the alignment | page |
//
// The heap below knows which of its large blocks are like that, so that nothing of them is touched
// without need but the second page, in which the record is.
//
// Room full: for Checks::full of all heaps.
#pragma once

#include "rsb/internal/full/guarded_state.hpp"

namespace rsb {

template <class Below, class Config>
class GuardPages : public GuardedState<Below, Config> {
 protected:
  using Base = GuardedState<Below, Config>;
  using Base::bytes_below, Base::full, Base::guarded_, Base::has_guard_pages, Base::record_bytes,
      Base::secret_, Base::unguarded_;
  using typename Base::State;

  // What the heap below calls a large block.
  bool is_guarded([[maybe_unused]] const void* base) noexcept {
    if constexpr (has_guard_pages) return Below::is_large_block(base, Below::Guarded::yes);
    return false;
  }

  bool lies_between_guards([[maybe_unused]] const void* block) noexcept {
    if constexpr (has_guard_pages) {
      const char* const record = static_cast<const char*>(block) - record_bytes;
      return is_guarded(record - bytes_into(record, Below::page) - Below::page);
    }
    return false;
  }

  static char* base_of(BlockRecord& record) noexcept {
    if constexpr (has_guard_pages) {
      if (record.front() == 0) {
        char* const at = reinterpret_cast<char*>(&record);
        return at - bytes_into(at, Below::page) - Below::page;
      }
    }
    return record.block() - record.front();
  }

  // In its second page: others perhaps cannot be touched.
  [[gnu::cold]] BlockRecord* guarded_record_in([[maybe_unused]] const char* base) noexcept {
    BlockRecord* freed = nullptr;
    if constexpr (has_guard_pages) {
      for (size_t at = Below::page; at + record_bytes <= 2 * Below::page; at += 16) {
        BlockRecord* const record = BlockRecord::of(base + at + record_bytes);
        if (!record->is_any(secret_) || record->front() != 0) continue;
        if (record->is(State::live, secret_)) return record;
        freed = record;
      }
    }
    return freed;
  }

  // Several threads at once may be let through for the last.
  bool may_guard() noexcept {
    if (load_relaxed(&guarded_) - load_relaxed(&unguarded_) >= full.guarded_blocks) return false;
    increment(&guarded_);
    return true;
  }

  // Nobody can touch it while it waits in the queue, but for the page that its record is in.
  void keep_out([[maybe_unused]] BlockRecord& record, [[maybe_unused]] char* base,
                [[maybe_unused]] size_t bytes) noexcept {
    if constexpr (has_guard_pages) {
      constexpr size_t open = 2 * Below::page;
      if (record.front() == 0) this->pages().source().protect(base + open, bytes - open);
    }
  }

  static size_t most_filled(const BlockRecord& freed) noexcept {
    if constexpr (has_guard_pages) {
      if (freed.front() == 0) {
        const size_t open = Below::page - bytes_into(&freed, Below::page) - record_bytes;
        return smaller(full.fill_bytes, open);
      }
    }
    return full.fill_bytes;
  }

  // False: some of it cannot be touched, for good: the heap below must not have it back.
  [[nodiscard]] bool end_guarding([[maybe_unused]] char* base) noexcept {
    if constexpr (has_guard_pages) {
      if (!this->pages().source().unprotect(base, bytes_below(base))) return false;
      Below::set_guarded(base, Below::Guarded::no);
      increment(&unguarded_);
    }
    return true;
  }
};

}  // namespace rsb
