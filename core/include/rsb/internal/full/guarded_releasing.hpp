// SPDX-License-Identifier: MIT OR Apache-2.0
// The way of a block that is released with Checks::full: filled, kept in the queue, verified, and
// only then given to the heap below.
//
// Room full: for Checks::full of all heaps.
#pragma once

#include "rsb/internal/full/guarded_judging.hpp"

namespace rsb {

template <class Below, class Config>
class GuardedReleasing : public GuardedJudging<Below, Config> {
 protected:
  using Base = GuardedJudging<Below, Config>;
  using Base::base_of, Base::bytes_below, Base::end_guarding, Base::freed_byte, Base::full,
      Base::is_verified_slot, Base::keep_out, Base::most_filled, Base::queue_, Base::random,
      Base::refuse_overflow, Base::refuse_overwritten, Base::secret_;
  using typename Base::Queue, typename Base::State;

  void retire(BlockRecord& record, const void* caller) noexcept {
    refuse_overflow(record);
    char* const base = base_of(record);
    const size_t bytes = bytes_below(base);
    const bool waits = Queue::is_there && bytes <= full.queue_bytes / 4;
    const bool is_filled = waits || is_verified_slot(bytes) || full.clears;
    bool was_live;
    {
      Guard guard(Below::lock());
      was_live = record.is(State::live, secret_);
      if (was_live) record.end(State::freed_only, caller, secret_);
    }
    if (!was_live) raise(Fault::double_free, record.block());  // by another thread, just now
    if (is_filled) {
      record.fill(freed_byte, full.clears ? SIZE_MAX : most_filled(record));
      record.note_filled(secret_);
    }
    if constexpr (Queue::is_there) {
      if (waits) {
        keep_out(record, base, bytes);
        return enqueue(record, bytes);
      }
    }
    give_back(record);
  }

  void enqueue(BlockRecord& record, size_t bytes) noexcept {
    void* next = nullptr;
    {
      Guard guard(Below::lock());
      if (queue_.is_full() || queue_.is_over(full.queue_bytes)) next = queue_.pop(random());
      queue_.push(record.block(), bytes);
    }
    while (next != nullptr) {
      leave_queue(next);
      Guard guard(Below::lock());
      next = queue_.is_over(full.queue_bytes) ? queue_.pop(random()) : nullptr;
    }
  }

  // False: it was empty.
  [[gnu::cold, gnu::noinline]] bool flush_queue() noexcept {
    bool any = false;
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
    char* const base = base_of(record);
    if (record.front() == 0 && !end_guarding(base)) return;
    Below::deallocate(base);
  }

  // Null only if there is nothing even with what waits in the queue.
  template <class Take>
  void* by_all_means(Take take) noexcept {
    for (;;) {
      void* const taken = take();
      if (taken != nullptr || !flush_queue()) return taken;
    }
  }
};

}  // namespace rsb
