// SPDX-License-Identifier: MIT OR Apache-2.0
// The spans of all size classes.
//
// Room bins: for the room caches, and for the heaps above it.
#pragma once

#include "rsb/internal/pages/span.hpp"

namespace rsb {

// A span of a class is in one of three places: it is the current one, which allocations are served
// from; or in the list, if it has free slots (Kind::span); or, without free slot, nowhere
// (Kind::full) until a slot comes back. The list is a queue: a span waits in it while more of its
// slots come back, so that taking it pays.
template <size_t count>
class Bins {
 public:
  constexpr Bins() noexcept = default;

  // Null: there is none.
  Span* current(size_t c) noexcept {
    Span* const span = current_or_none(c);
    return span != &none_ ? span : nullptr;
  }
  const Span* current(size_t c) const noexcept { return const_cast<Bins*>(this)->current(c); }
  // The same, but where there is none, a span without slots.
  [[gnu::always_inline]] Span* current_or_none(size_t c) noexcept {
    return reinterpret_cast<Span*>(address_behind(&none_, current_[c]));
  }
  bool has_current(size_t c) const noexcept { return current_[c] != 0; }
  void set_current(Span* span) noexcept {
    current_[span->size_class] = bytes_from(&none_, span);
    span->set_kind(Kind::current);
    span->uses++;
  }
  // There must be one. What is to become of the span is the caller's to say.
  Span* drop_current(size_t c) noexcept {
    Span* const span = current_or_none(c);
    span->uses--;
    current_[c] = 0;
    return span;
  }

  // A span that was full.
  void append(Span* span) noexcept {
    Queue& queue = queues_[span->size_class];
    span->set_kind(Kind::span);
    span->take_quickly();
    span->next = nullptr;
    span->previous = queue.last;
    (queue.last != nullptr ? queue.last->next : queue.first) = span;
    queue.last = span;
  }

  void remove(Span* span) noexcept {
    Queue& queue = queues_[span->size_class];
    (span->previous != nullptr ? span->previous->next : queue.first) = span->next;
    (span->next != nullptr ? span->next->previous : queue.last) = span->previous;
  }

  // The span that has waited longest; null if there is none.
  Span* take_first(size_t c) noexcept {
    Span* const span = queues_[c].first;
    if (span != nullptr) remove(span);
    return span;
  }

  Span* first(size_t c) const noexcept { return queues_[c].first; }

  // Null, or an invariant that does not hold for where a span is, whose class is right: for that it
  // is marked as current, or for others. Constant time.
  [[gnu::always_inline]] const char* broken_current(const Span* span) const noexcept {
    return is_current(span) ? nullptr : is_marked_so;
  }
  [[gnu::always_inline]] const char* broken_place(const Span* span) const noexcept {
    if (is_current(span)) return is_marked_so;
    if (span->kind != Kind::span) return nullptr;
    const Queue& queue = queues_[span->size_class];
    const Span* const before = span->previous != nullptr ? span->previous->next : queue.first;
    const Span* const behind = span->next != nullptr ? span->next->previous : queue.last;
    return before == span && behind == span ? nullptr : "the links of a bin's list agree";
  }

  // Whether there is a span to serve from.
  bool has_any(size_t c) const noexcept { return has_current(c) || first(c) != nullptr; }

 private:
  struct Queue {
    Span* first = nullptr;
    Span* last = nullptr;
  };

  static constexpr const char* is_marked_so = "a bin's current span is marked so";

  bool is_current(const Span* span) const noexcept {
    return current_[span->size_class] == bytes_from(&none_, span);
  }

  Span none_{};
  // As distances from none_: so all zeroes mean that, and who allocates need not ask for null.
  // Apart from the queues: found by one index.
  size_t current_[count] = {};
  Queue queues_[count] = {};
};

}  // namespace rsb
