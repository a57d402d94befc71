// SPDX-License-Identifier: MIT OR Apache-2.0
// Large blocks, and those of no bytes, between pages that nobody can touch, where the page source
// can protect:
//
//   | page | record, block, a tail of at most the alignment | page, perhaps more |
//
// In the page behind the first there is as much slack before the record as the end asks for. The
// heap below knows which of its large blocks are like that, so that nothing of them is touched
// without need but the second page, in which the record is.
//
// Room guard_pages: for Checks::full of heaps of pages.
#pragma once

#include "rsb/internal/full/without_guard_pages.hpp"
#include "rsb/internal/pages/span.hpp"

namespace rsb {

template <class Below, class Config>
requires WithGuardPages<Config>
class GuardPages<Below, Config> : public GuardedState<Below, Config> {
 public:
  using Below::page;

 protected:
  using Base = GuardedState<Below, Config>;
  using Base::bytes_below, Base::full, Base::record_bytes, Base::secret_;
  using typename Base::State;
  using Guarded = typename Below::Guarded;

  static constexpr bool has_guard_pages = true;

  // What the heap below calls a large block.
  bool is_guarded(const void* base) noexcept { return Below::is_large_block(base, Guarded::yes); }

  bool lies_between_guards(const void* block) noexcept {
    return is_guarded(guarded_base_of(static_cast<const char*>(block) - record_bytes));
  }

  static char* base_of(BlockRecord& record) noexcept {
    if (record.has_front()) [[likely]]
      return record.block() - record.front();
    return const_cast<char*>(guarded_base_of(reinterpret_cast<char*>(&record)));
  }

  // In its second page: others perhaps cannot be touched.
  [[gnu::cold]] BlockRecord* guarded_record_in(const char* base) noexcept {
    BlockRecord* freed = nullptr;
    for (size_t at = page; at + record_bytes <= 2 * page; at += 16) {
      BlockRecord* const record = BlockRecord::of(base + at + record_bytes);
      if (!record->is_any(secret_) || record->has_front()) continue;
      if (record->is(State::live, secret_)) return record;
      freed = record;
    }
    return freed;
  }

  // How much of a freed block is filled, at most.
  size_t most_filled(const BlockRecord& freed) noexcept {
    if (freed.has_front() || !freed.is(State::freed_in_part, secret_)) return full.fill_bytes;
    const char* const base = guarded_base_of(reinterpret_cast<const char*>(&freed));
    return most_filled_of_part(freed, *Below::run_of_live(base));
  }
  static size_t most_filled_of_part(const BlockRecord& record, const Span& run) noexcept {
    return smaller(full.fill_bytes, is_kept_out(run) ? most_open(record) : page);
  }

  // Whether nothing but the page with the record can be touched.
  static bool is_kept_out(const Span& run) noexcept { return run.open_pages == 1; }

  // Several threads at once may be let through for the last.
  bool may_guard() noexcept {
    if (load_relaxed(&guarded_) - load_relaxed(&unguarded_) >= full.guarded_blocks) return false;
    increment(&guarded_);
    return true;
  }
  void note_unguarded() noexcept { increment(&unguarded_); }

  // False: some of it cannot be touched: the heap below must not have it back.
  [[nodiscard]] bool end_guarding(char* base) noexcept {
    if (!this->pages().source().unprotect(base, bytes_below(base))) return false;
    Below::set_guarded(base, Guarded::no);
    note_unguarded();
    return true;
  }

 private:
  // Bytes of the block in the page in which its record is.
  static size_t most_open(const BlockRecord& record) noexcept {
    return page - bytes_into(&record, page) - record_bytes;
  }

  static const char* guarded_base_of(const char* record) noexcept {
    return record - bytes_into(record, page) - page;
  }

  uint32_t guarded_ = 0;    // blocks that were between guard pages; handlers count, too
  uint32_t unguarded_ = 0;  // those that are no more
};

}  // namespace rsb
