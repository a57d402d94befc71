// SPDX-License-Identifier: MIT OR Apache-2.0
// The life of blocks between guard pages: made, released into the stock (guarded_stock.hpp), used
// again, or given back to the heap below.
//
// Room guard_pages: for Checks::full of heaps of pages.
#pragma once

#include "rsb/internal/full/guarded_judging.hpp"
#include "rsb/internal/guard_pages/guard_pages.hpp"
#include "rsb/internal/guard_pages/guarded_stock.hpp"

namespace rsb {

template <class Below, class Config>
requires WithGuardPages<Config>
class GuardedLarge<Below, Config> : public GuardedJudging<Below, Config> {
 public:
  using Below::page;

 protected:
  using Base = GuardedJudging<Below, Config>;
  using Base::base_of, Base::begin, Base::bytes_below, Base::end_guarding, Base::freed_byte,
      Base::full, Base::may_guard, Base::most_filled, Base::note_unguarded, Base::record_bytes,
      Base::refuse_overwritten, Base::secret_, Base::tell_opened, Base::tell_released,
      Base::tell_releasing;
  using typename Base::State;

  // Where a block lies between its guards.
  struct Fence {
    size_t room;   // bytes from the block's start to the page behind it
    size_t body;   // whole pages that can be touched: up to there from the one with the record
    size_t pages;  // with the guards, rounded: see run_lists.hpp
  };
  static Fence fence_for(size_t size, size_t alignment) noexcept {
    Fence fence;
    fence.room = align_up(size, larger(alignment, 16));
    // Or the record would lie in two pages.
    if (fence.room % page == page - 16) fence.room += 16;
    fence.body = align_up(record_bytes + fence.room, page);
    fence.pages = rounded_run(fence.body / page + 2);
    return fence;
  }

  // `base`: a large block of the heap below, of so many pages, or null.
  void* begin_guarded(char* base, const Fence& fence, size_t size, Made made,
                      const void* caller) noexcept {
    if (base == nullptr) {
      note_unguarded();
      return nullptr;
    }
    char* const end = base + page + fence.body;
    Below::run_of_live(base)->open_pages = static_cast<uint16_t>(fence.body / page);
    {
      Guard guard(Below::lock());  // nobody who walks through the heap is just looking at it
      Below::set_guarded(base, Below::Guarded::yes);
    }
    source().protect(base, page);
    source().protect(end, bytes_from(end, base + bytes_below(base)));
    return begin(end - fence.room, size, fence.room, 0, made, caller);
  }

  // From the stock. Null: there is none that would do.
  void* reuse_guarded(const Fence& fence, size_t size, Fill fill, Made made,
                      const void* caller) noexcept {
    Span* run = nullptr;
    {
      Guard guard(Below::lock());
      if (stock_.bytes() > full.queue_bytes) run = stock_.take(fence.pages);
    }
    if (run == nullptr) return nullptr;
    BlockRecord& former = verified(run);
    if (!move_fence(run, fence)) {
      put_back(run);
      return nullptr;
    }
    former.forget();
    tell_opened(run->base);
    char* const block = run->base + page + fence.body - fence.room;
    if (fill == Fill::zero) __builtin_memset(block, 0, size);
    return begin(block, size, fence.room, 0, made, caller);
  }

  // A block that is freed_only.
  void retire_guarded(BlockRecord& record) noexcept {
    Span* const run = noted_run_of(record);
    tell_releasing(record);
    if (full.clears) record.fill(freed_byte, SIZE_MAX);
    if (!Stock::takes(run)) {
      tell_released(record);
      if (give_back_guarded(run)) give_back_stuck();
      return;
    }
    const bool keeps_out = may_keep_out(run);
    const bool in_part = keeps_out || record.size() > most_filled_whole;
    const size_t open_bytes = open_behind_record(run);
    if (keeps_out) run->open_pages = 1;
    if (!full.clears)
      record.fill(freed_byte, in_part ? Base::most_filled_of_part(record, *run) : full.fill_bytes);
    record.note_filled(in_part ? State::freed_in_part : State::freed, secret_);
    if (keeps_out) source().protect(run->base + 2 * page, open_bytes);
    tell_released(record);
    put_back(run);
    for (;;) {
      Span* over = nullptr;
      {
        Guard guard(Below::lock());
        if (stock_.bytes() > full.guarded_bytes) over = stock_.take_any();
      }
      if (over == nullptr || !leave_stock(over)) return;
    }
  }

  // False: it was empty.
  [[gnu::cold]] bool flush_stock() noexcept {
    size_t left;
    {
      Guard guard(Below::lock());
      left = stock_.count();
    }
    const bool any = left != 0;
    bool is_refused = false;  // then all stick, or what is given back would lie among those that do
    for (; left != 0; left--) {
      Span* run;
      {
        Guard guard(Below::lock());
        run = stock_.take_any();
      }
      if (run == nullptr) break;
      if (is_refused) {
        verified(run);
        stick(run);
      } else {
        is_refused = !leave_stock(run);
      }
    }
    return flush_stuck() || any;
  }

  // What the page source has refused before. False: there is nothing, or it refuses again.
  [[gnu::cold]] bool flush_stuck() noexcept {
    bool any = false;
    while (give_back_stuck()) any = true;
    return any;
  }

  // A block that a handler releases, and that is freed_only: to whoever is next to give back any.
  void leave_to_others(BlockRecord& record) noexcept {
    Span* const run = noted_run_of(record);
    Span* first = load_relaxed(&left_);
    for (;;) {
      run->next = first;
      Span* const found = compare_exchange(&left_, first, run);
      if (found == first) return;
      first = found;
    }
  }

  // visit(record, bytes) for each block that is kept, until it returns false. With the lock held.
  template <class Visit>
  void for_each_in_stock(Visit visit) noexcept {
    const auto visit_run = [&](Span* run) { return visit(*record_of(run), run->pages * page); };
    stock_.for_each(visit_run);
    take_over_left();
    for (Span* run = stuck_; run != nullptr; run = run->next) {
      if (!visit_run(run)) return;
    }
  }

 private:
  // Of a larger one most has perhaps never been touched.
  static constexpr size_t most_filled_whole = full.queue_bytes / 4;

  static constexpr size_t record_unit = 16;  // in which Span::record_units counts, from the page on

  using Stock = GuardedStock<page, 4 * full.queue_bytes>;

  auto& source() noexcept { return this->pages().source(); }

  // Its run, of which record_of() knows the way back from now on.
  Span* noted_run_of(BlockRecord& record) noexcept {
    Span* const run = Below::run_of_live(base_of(record));
    run->record_units = static_cast<uint16_t>(bytes_into(&record, page) / record_unit);
    return run;
  }
  static BlockRecord* record_of(const Span* run) noexcept {
    return BlockRecord::of(run->base + page + run->record_units * record_unit + record_bytes);
  }

  // Of a run that leaves the stock.
  BlockRecord& verified(Span* run) noexcept {
    BlockRecord& record = *record_of(run);
    if (!record.is_filled(secret_)) [[unlikely]]
      raise(Fault::underflow, record.block());
    refuse_overwritten(record);
    return record;
  }

  void put_back(Span* run) noexcept {
    Guard guard(Below::lock());
    stock_.put(run);
  }

  // Bytes between the guards, without the page with the record.
  static size_t open_behind_record(const Span* run) noexcept {
    return (size_t{run->open_pages} - 1) * page;
  }

  bool may_keep_out(const Span* run) noexcept {
    const size_t bytes = open_behind_record(run);
    Guard guard(Below::lock());
    releases_++;
    if (bytes == 0 || kept_out_ + bytes > full.kept_out_bytes + releases_ / 256 * page)
      return false;
    kept_out_ += bytes;
    return true;
  }

  // False: the page source refuses, and it is as it was.
  bool move_fence(Span* run, const Fence& fence) noexcept {
    char* const first = run->base + page;
    char* const end = first + fence.body;
    char* const open_end = first + run->open_pages * page;
    if (open_end < end && !source().unprotect(open_end, bytes_from(open_end, end))) return false;
    if (open_end > end) source().protect(end, bytes_from(end, open_end));
    run->open_pages = static_cast<uint16_t>(fence.body / page);
    return true;
  }

  bool leave_stock(Span* run) noexcept {
    verified(run);
    return give_back_guarded(run);
  }
  // False: not now.
  bool give_back_guarded(Span* run) noexcept {
    char* const base = run->base;
    if (!end_guarding(base)) {
      stick(run);
      return false;
    }
    run->record_units = 0;
    tell_opened(base);
    Below::deallocate(base);
    return true;
  }

  // A run that the page source does not unprotect stays, and all but the page with the record is
  // kept out of reach. So it costs no memory, and where what can be touched is limited
  // (RLIMIT_DATA), it leaves that to others.
  [[gnu::cold, gnu::noinline]] void stick(Span* run) noexcept {
    keep_out(run);
    Guard guard(Below::lock());
    run->next = stuck_;
    stuck_ = run;
  }

  void keep_out(Span* run) noexcept {
    char* const rest = run->base + 2 * page;
    const size_t bytes = bytes_from(rest, run->base + bytes_below(run->base));
    record_of(run)->note_unfilled(secret_);
    if (run->open_pages == 1 || bytes == 0) return;
    run->open_pages = 1;
    if constexpr (DiscardingSource<typename Config::Pages>) (void)source().discard(rest, bytes);
    source().protect(rest, bytes);
  }

  // What handlers have left. With the lock held.
  void take_over_left() noexcept {
    for (Span* run = exchange(&left_, static_cast<Span*>(nullptr)); run != nullptr;) {
      Span* const next = run->next;
      run->next = stuck_;
      stuck_ = run;
      run = next;
    }
  }

  // One that the page source has not unprotected before: it may when it has fewer mappings, or less
  // that can be touched. False: there is none, or it stays.
  bool give_back_stuck() noexcept {
    Span* run;
    {
      Guard guard(Below::lock());
      take_over_left();
      run = stuck_;
      if (run == nullptr) return false;
      stuck_ = run->next;
      run->next = nullptr;
    }
    return give_back_guarded(run);
  }

  Stock stock_;
  Span* stuck_ = nullptr;
  Span* left_ = nullptr;  // by handlers
  size_t releases_ = 0;
  size_t kept_out_ = 0;  // bytes, all in all
};

}  // namespace rsb
