// SPDX-License-Identifier: MIT OR Apache-2.0
// What the inspectors see of a heap with Checks::full: blocks as the program knows them. What waits
// in the queue counts as cached; sizes of blocks, where they are summed up, include what guards
// them. A check also looks at the guards of every block.
//
// Room full: for Checks::full of all heaps, and for the room guard_pages.
#pragma once

#include "rsb/internal/full/guarded_heap.hpp"

namespace rsb {

template <class TheHeap, class Base>
class GuardedInspector : public Base {
  using Inside = typename TheHeap::Inside;

 public:
  explicit GuardedInspector(TheHeap& the_heap) noexcept : Base(the_heap), heap_(the_heap) {}

  [[gnu::cold]] auto stats() noexcept {
    return Base::stats([this](auto& s) {
      this->for_each_waiting_now([&](void*, size_t bytes) {
        s.live_blocks--;
        s.live_bytes -= bytes;
        if constexpr (requires { s.cached_blocks; }) {
          s.cached_blocks++;
          s.cached_bytes += bytes;
          if (!TheHeap::is_slot(bytes)) {
            s.large_blocks--;
            s.large_bytes -= bytes;
          }
        }
        return true;
      });
      leave_out_what_lies_around(s);
    });
  }

  [[gnu::cold]] auto bin_stats(size_t bin) noexcept {
    return Base::bin_stats(bin, [this](auto& s) {
      this->for_each_waiting_now([&](void*, size_t bytes) {
        if (bytes == s.slot_bytes) s.live--;
        return true;
      });
    });
  }

  template <class Visitor>
  [[gnu::cold]] bool walk(Visitor&& visit) noexcept {
    return walk_with_callers(
        [&](void* block, size_t size, const void*) { return visit(block, size); });
  }

  // Calls visit(void* block, size_t size, const void* allocated_by): also by whom the block was
  // allocated, as Description has it.
  template <class Visitor>
  [[gnu::cold]] bool walk_with_callers(Visitor&& visit) noexcept {
    const Inside inside;
    return Base::walk([&](void* below, size_t bytes) {
      BlockRecord* const record = heap_.record_in(below, bytes);
      if (record == nullptr || !record->is(BlockRecord::State::live, heap_.secret_)) return true;
      return visit(static_cast<void*>(record->block()), record->size(), record->allocated_by());
    });
  }

  // The block as the program knows it, and who allocated and freed it, as far as that is kept.
  [[gnu::cold]] Description describe(const void* address) noexcept {
    const Inside inside;
    return heap_.describe(address);
  }

  [[gnu::cold]] const char* check() noexcept {
    const Inside inside;
    damage_ = {};
    if (const char* const broken = Base::check()) return broken;
    const char* broken = nullptr;
    const char* lost = nullptr;  // the slot of a block before which was written
    Base::walk([&](void* below, size_t bytes) {
      // None, where another thread is just about to make it.
      const BlockRecord* const record = heap_.record_in(below, bytes);
      if (record != nullptr && record->has_overwritten_tail(heap_.secret_)) {
        broken = "what lies behind a block is as the heap left it";
        damage_ = {Fault::overflow, record->block()};
      }
      if (record == nullptr && heap_.has_lost_record(below, bytes))
        lost = static_cast<const char*>(below);
      return broken == nullptr;
    });
    if (broken != nullptr) return broken;
    for_each_waiting([&](void* block, size_t) {
      const BlockRecord& freed = *BlockRecord::of(block);
      if (freed.is(BlockRecord::State::freed_only, heap_.secret_)) return true;
      if (!freed.is_filled(heap_.secret_)) {
        broken = "what lies before a freed block is as the heap left it";
        damage_ = {Fault::underflow, block};  // so its size may be any
      } else if (freed.overwritten_fill(TheHeap::freed_byte, heap_.most_filled(freed)) != nullptr) {
        broken = "a freed block is as the heap left it";
        damage_ = {Fault::overwritten_link, block};
      }
      return broken == nullptr;
    });
    if (broken != nullptr || lost == nullptr) return broken;
    damage_ = {Fault::underflow, lost + TheHeap::record_bytes};
    return "what lies before a block is as the heap left it";
  }

  // A block that was written to, or beside, where it must not be; null: none.
  struct Damage {
    Fault fault = Fault::overwritten_link;
    const void* block = nullptr;
  };
  // What the last check() has found.
  const Damage& damage() const noexcept { return damage_; }

 private:
  template <class Stats>
  static void leave_out_what_lies_around([[maybe_unused]] Stats& s) noexcept {
    if constexpr (requires { s.largest_request; })
      s.largest_request = TheHeap::largest_of(s.largest_request);
  }

  template <class Visit>
  void for_each_waiting(Visit visit) noexcept {
    Guard guard(heap_.lock());
    for_each_waiting_now(visit);
  }
  // With the lock held.
  template <class Visit>
  void for_each_waiting_now(Visit visit) noexcept {
    heap_.queue_.for_each(visit);
    heap_.for_each_in_stock(
        [&](BlockRecord& record, size_t bytes) { return visit(record.block(), bytes); });
  }

  TheHeap& heap_;
  Damage damage_;
};

}  // namespace rsb
