// SPDX-License-Identifier: MIT OR Apache-2.0
// What the inspectors see of a heap with Checks::full: blocks as the program knows them. What waits
// in the queue counts as cached; sizes of blocks, where they are summed up, include what guards
// them. A check also looks at the guards of every block.
//
// Room full: for Checks::full of all heaps.
#pragma once

#include "rsb/internal/full/guarded_heap.hpp"

namespace rsb {

template <class TheHeap, class Base>
class GuardedInspector : public Base {
 public:
  explicit GuardedInspector(TheHeap& the_heap) noexcept : Base(the_heap), heap_(the_heap) {}

  [[gnu::cold]] auto stats() noexcept {
    size_t waiting;
    size_t waiting_bytes;
    {
      Guard guard(heap_.lock());
      waiting = heap_.queue_.count();
      waiting_bytes = heap_.queue_.bytes();
    }
    auto s = Base::stats();
    s.live_blocks -= waiting;
    s.live_bytes -= waiting_bytes;
    if constexpr (requires { s.cached_blocks; }) {
      s.cached_blocks += waiting;
      s.cached_bytes += waiting_bytes;
    }
    return s;
  }

  template <class Visitor>
  [[gnu::cold]] bool walk(Visitor&& visit) noexcept {
    return Base::walk([&](void* below, size_t bytes) {
      BlockRecord* const record = heap_.record_in(below, bytes);
      if (record == nullptr || !record->is(BlockRecord::State::live, heap_.secret_)) return true;
      return visit(static_cast<void*>(record->block()), record->size());
    });
  }

  [[gnu::cold]] const char* check() noexcept {
    if (const char* const broken = Base::check()) return broken;
    const char* broken = nullptr;
    Base::walk([&](void* below, size_t bytes) {
      broken = broken_guard(heap_.record_in(below, bytes));
      return broken == nullptr;
    });
    return broken;
  }

 private:
  const char* broken_guard(const BlockRecord* record) noexcept {
    if (record == nullptr) return "what lies before a block is as the heap left it";
    if (record->is(BlockRecord::State::live, heap_.secret_)) {
      return record->overwritten_tail() == nullptr
                 ? nullptr
                 : "what lies behind a block is as the heap left it";
    }
    if (record->is(BlockRecord::State::freed, heap_.secret_)) {
      return record->overwritten_fill(TheHeap::most_filled(*record)) == nullptr
                 ? nullptr
                 : "a freed block is as the heap left it";
    }
    return nullptr;
  }

  TheHeap& heap_;
};

}  // namespace rsb
