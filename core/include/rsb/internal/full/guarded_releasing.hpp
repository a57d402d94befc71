// SPDX-License-Identifier: MIT OR Apache-2.0
// The way of a block that is released with Checks::full: filled, kept in the queue, verified, and
// only then given to the heap below.
//
// Room full: for Checks::full of all heaps, and for the room guard_pages.
#pragma once

#include "rsb/internal/full/guarded_judging.hpp"

namespace rsb {

template <class Below, class Config>
class GuardedReleasing : public GuardedLarge<Below, Config> {
 protected:
  using Base = GuardedLarge<Below, Config>;
  using Base::base_of, Base::bytes_below, Base::flush_stock, Base::freed_byte, Base::full,
      Base::has_guard_pages, Base::is_verified_slot, Base::most_filled, Base::queue_, Base::random,
      Base::refuse_overflow, Base::refuse_overwritten, Base::secret_, Base::tell_opened,
      Base::tell_released, Base::tell_releasing;
  using typename Base::Live, typename Base::Queue, typename Base::State;

  void retire(const Live& found, const void* caller) noexcept {
    BlockRecord& record = found.record;
    refuse_overflow(record);
    bool was_live;
    {
      Guard guard(Below::lock());
      was_live = record.bears(found.seal);
      if (was_live) record.end(State::freed_only, caller, secret_);
    }
    if (!was_live) raise(Fault::double_free, record.block());  // by another thread, just now
    if constexpr (has_guard_pages) {
      if (!record.has_front()) [[unlikely]]
        return Base::retire_guarded(record);
    }
    const size_t bytes = found.slot_bytes != 0 ? found.slot_bytes : bytes_below(base_of(record));
    const bool waits = Queue::is_there && bytes <= full.queue_bytes / 4;
    tell_releasing(record);
    if (waits || is_verified_slot(bytes) || full.clears) {
      record.fill(freed_byte, full.clears ? SIZE_MAX : full.fill_bytes);
      record.note_filled(State::freed, secret_);
    }
    tell_released(record);
    if constexpr (Queue::is_there) {
      if (waits) return enqueue(record, bytes);
    }
    give_back(record);
  }

  void enqueue(BlockRecord& record, size_t bytes) noexcept {
    void* next = nullptr;
    bool is_over;
    {
      Guard guard(Below::lock());
      if (queue_.is_full() || queue_.is_over(full.queue_bytes)) next = queue_.pop(random());
      queue_.push(record.block(), bytes);
      is_over = queue_.is_over(full.queue_bytes);
    }
    if (next != nullptr) leave_queue(next);
    while (is_over) [[unlikely]] {
        {
          Guard guard(Below::lock());
          next = queue_.is_over(full.queue_bytes) ? queue_.pop(random()) : nullptr;
        }
        if (next == nullptr) return;
        leave_queue(next);
      }
  }

  // All that waits. False: nothing did.
  [[gnu::cold, gnu::noinline]] bool flush() noexcept {
    bool any = flush_stock();
    if constexpr (Queue::is_there) {
      size_t left;
      {
        Guard guard(Below::lock());
        left = queue_.count();
      }
      for (; left != 0; left--) {
        void* block = nullptr;
        {
          Guard guard(Below::lock());
          if (queue_.count() != 0) block = queue_.pop(random());
        }
        if (block == nullptr) break;
        leave_queue(block);
        any = true;
      }
    }
    return any;
  }

  void leave_queue(void* block) noexcept {
    BlockRecord& record = *BlockRecord::of(block);
    if (!record.is(State::freed, secret_)) [[unlikely]]
      raise(Fault::underflow, block);
    refuse_overwritten(record);
    give_back(record);
  }

  void give_back(BlockRecord& record) noexcept {
    tell_opened(record);
    Below::deallocate(base_of(record));
  }

  // Null only if there is nothing even with what waits.
  template <class Take>
  void* by_all_means(Take take) noexcept {
    for (;;) {
      void* const taken = take();
      if (taken != nullptr || !flush()) return taken;
    }
  }
};

}  // namespace rsb
