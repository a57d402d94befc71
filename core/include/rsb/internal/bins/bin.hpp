// SPDX-License-Identifier: MIT OR Apache-2.0
// The spans of one size class.
//
// Room bins: for the room caches, and for the heaps above it.
#pragma once

#include "rsb/internal/pages/span.hpp"

namespace rsb {

// A span of a bin is in one of three places: it is the current one, which allocations are served
// from; or in the list, if it has free slots (Kind::span); or, without free slot, nowhere
// (Kind::full) until a slot comes back. The list is a queue: a span waits in it while more of its
// slots come back, so that taking it pays.
class Bin {
 public:
  constexpr Bin() noexcept = default;

  // Null: there is none.
  Span* current() const noexcept { return current_; }
  void set_current(Span* span) noexcept {
    span->set_kind(Kind::current);
    span->uses++;
    current_ = span;
  }
  // The bin must have one. What is to become of the span is the caller's to say.
  Span* drop_current() noexcept {
    Span* const span = current_;
    span->uses--;
    current_ = nullptr;
    return span;
  }

  void append(Span* span) noexcept {
    span->set_kind(Kind::span);
    span->next = nullptr;
    span->previous = last_;
    (last_ != nullptr ? last_->next : first_) = span;
    last_ = span;
  }

  void remove(Span* span) noexcept {
    (span->previous != nullptr ? span->previous->next : first_) = span->next;
    (span->next != nullptr ? span->next->previous : last_) = span->previous;
  }

  // The span that has waited longest; null if there is none.
  Span* take_first() noexcept {
    Span* const span = first_;
    if (span != nullptr) remove(span);
    return span;
  }

  Span* first() const noexcept { return first_; }

 private:
  Span* current_ = nullptr;
  Span* first_ = nullptr;
  Span* last_ = nullptr;
};

}  // namespace rsb
