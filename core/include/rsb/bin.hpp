// The spans of one size class.
#pragma once

#include "rsb/span.hpp"

namespace rsb {

// A span of a bin is in one of three places: it is the current one, which allocations are served from; or in the
// list, if it has free slots (Kind::span); or, without free slot, nowhere (Kind::full) until a slot
// comes back. The list is a queue: a span waits in it while more of its slots come back, so that
// taking it pays.
class Bin {
 public:
  constexpr Bin() noexcept = default;

  Span* current() const noexcept { return current_; }
  bool has_current() const noexcept { return current_ != &no_span; }
  void set_current(Span* span) noexcept {
    span->kind = Kind::current;
    current_ = span;
  }
  void drop_current() noexcept { current_ = &no_span; }

  // The current span, if there is one, goes where its slots say.
  void put_current_away() noexcept {
    if (!has_current()) return;
    if (current_->has_slot()) {
      append(current_);
    } else {
      current_->kind = Kind::full;
    }
    drop_current();
  }

  void append(Span* span) noexcept {
    span->kind = Kind::span;
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
  // Stands for "no span": has no slot, so the fast path needs no test for null. Never written.
  static constinit inline Span no_span{};

  Span* current_ = &no_span;
  Span* first_ = nullptr;
  Span* last_ = nullptr;
};

}  // namespace rsb
