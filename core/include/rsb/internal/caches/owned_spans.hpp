// SPDX-License-Identifier: MIT OR Apache-2.0
// The spans that a cache owns, a queue for each size class.
//
// Theory of operation. A magazine that is empty is filled from the first span of its queue, and
// what a full one gives up goes back into the spans that the same cache owns. Neither needs the
// heap's lock, and what one thread allocates and releases stays together. A first span that has no
// slot any more is the heap's again, and full; the next one is from the queue, or the heap. A full
// span is adopted by the cache whose thread is the first to give back a slot of it, and goes back
// when all of its slots are free. So threads that only release pass whole spans on to those that
// only allocate. What is free in the spans of a cache is limited: where there is no more room, the
// span that has waited longest goes back, of one class after the other. What others release of a
// cache's spans goes, under the heap's lock, into a list of the span's own, until the span changes
// hands. (Free lists for each span, and one beside for what other threads release: Leijen, Zorn,
// de Moura, "Mimalloc: free list sharding in action", 2019.)
//
// Room caches: for the room cached_heap, CachedHeap's.
#pragma once

#include "rsb/internal/caches/cache_budget.hpp"
#include "rsb/internal/pages/span_invariants.hpp"

namespace rsb {

// The share is what each cache may hold for certain; 0: caches own no spans, and take no room.
template <class Classes, size_t share, size_t most_bytes>
class OwnedSpans {
  static constexpr size_t classes = share != 0 ? Classes::count : 1;

 public:
  static constexpr size_t own_share = share;

  // How many spans are given up at a time, or adopted.
  static constexpr size_t batch = 8;

  // How many it owns at most, however little is free in them: what others release of them is there
  // for nobody while the owner is idle.
  static constexpr size_t most_spans = 4 * most_bytes / Classes::span;

  constexpr OwnedSpans() noexcept = default;

  // Which of the heap's caches it is: from 1, below `nobody`.
  static constexpr uint8_t nobody = UINT8_MAX;
  void set_number(uint8_t number) noexcept { number_ = number; }

  // Before the first use; afterwards, forgets all that it holds and has borrowed.
  void begin() noexcept {
    for (Queue& queue : queues_) queue = {};
    allowance_.begin();
    count_ = 0;
  }

  size_t count() const noexcept { return count_; }
  size_t borrowed() const noexcept { return allowance_.borrowed(); }

  // Whether spans of the class may be owned: slots of 4 bytes have no room for a mark.
  bool may_own(SizeClass c) const noexcept { return number_ != nobody && c != 0; }

  // Up to `most` slots of a class from one span, marked as slots in caches are. Spans that turned
  // out to have none are in front of `given`. None, though first() has a slot: that one was
  // overwritten, or its span is_damaged(), and is first still.
  template <Checks checks>
  size_t take(SizeClass c, void** out, size_t most, Span*& given) noexcept {
    Queue& queue = queues_[c];
    for (size_t looks = 0; looks < batch && queue.first != nullptr; looks++) {
      Span* const from = queue.first;
      if constexpr (verifies_itself(checks)) {
        if (is_damaged(*from)) [[unlikely]]
          return 0;
      }
      if (from->has_slot()) {
        const size_t free_before = from->free_bytes();
        const size_t taken = from->take<checks>(out, most);
        allowance_.earn(free_before - from->free_bytes());
        return taken;
      }
      give(queue.take_first(), given);
    }
    return 0;
  }
  const Span* first(SizeClass c) const noexcept { return queues_[c].first; }

  // Whether the descriptor of a span that it owns was written to.
  static bool is_damaged(const Span& owned) noexcept {
    using Invariants = SpanInvariants<Classes>;
    return Invariants::broken_shape(owned) != nullptr ||
           Invariants::broken_counts(owned, Kind::owned) != nullptr;
  }

  // False: the slot, which bears the mark of one in a cache, is not of a span that it owns; or was
  // overwritten, and stays where it is. Spans that go back for it are in front of `given`.
  template <Checks checks>
  bool put(Span* its_span, void* slot, size_t offset, CacheBudget& budget, Span*& given) noexcept {
    if (!its_span->is_owned_by(number_)) return false;
    if constexpr (verifies_itself(checks)) {
      if (is_damaged(*its_span)) [[unlikely]]
        return false;
    }
    if (checks != Checks::off && !its_span->may_leave_cache(slot, offset)) return false;
    const size_t freed = its_span->slot_bytes();
    make_room(freed, budget, given);
    // It may have been given up itself.
    if (allowance_.spare() < freed || !its_span->is_owned_by(number_)) return false;
    its_span->push<checks>(slot, offset);
    allowance_.spend(freed);
    Queue& queue = queues_[its_span->size_class];
    if (queue.first->is_last_use() && queue.first->next != nullptr) give(queue.take_first(), given);
    return true;
  }

  // A span on its way, which is the last of its class then. False: it may not be owned, or there is
  // no room for it.
  bool add(Span* added, CacheBudget& budget, Span*& given) noexcept {
    if (!may_own(added->size_class)) return false;
    const size_t free_in_it = added->free_bytes();
    if (count_ >= most_spans) give_up(1, given);
    make_room(free_in_it, budget, given);
    if (allowance_.spare() < free_in_it) return false;
    allowance_.spend(free_in_it);
    added->set_owner(number_);
    queues_[added->size_class].append(added);
    count_++;
    return true;
  }

  // Up to `most` spans in front of `given`, of all classes in turn.
  void give_up(size_t most, Span*& given) noexcept {
    for (size_t fruitless = 0; most != 0 && fruitless < classes; fruitless++) {
      victim_ = static_cast<SizeClass>((victim_ + 1) % classes);
      Queue& queue = queues_[victim_];
      if (queue.first == nullptr) continue;
      give(queue.take_first(), given);
      most--;
      fruitless = 0;
    }
  }

  // For inspection.
  bool is_sound() const noexcept {
    size_t spans = 0;
    size_t free_in_them = 0;
    for (size_t c = 0; c < classes; c++) {
      for (const Span* s = queues_[c].first; s != nullptr; s = s->next) {
        if (s->kind != Kind::owned || s->size_class != c || !s->is_owned_by(number_)) return false;
        if (++spans > count_) return false;
        free_in_them += s->free_bytes();
      }
    }
    return spans == count_ && free_in_them + allowance_.spare() == allowance_.granted();
  }

 private:
  struct Queue {
    Span* first = nullptr;
    Span* last = nullptr;

    void append(Span* s) noexcept {
      s->next = nullptr;
      (first != nullptr ? last->next : first) = s;
      last = s;
    }
    // There must be one.
    Span* take_first() noexcept {
      Span* const taken = first;
      first = taken->next;
      return taken;
    }
  };

  // There is room once a span that has much has been given up, or some that have little.
  void make_room(size_t freed, CacheBudget& budget, Span*& given) noexcept {
    allowance_.borrow(freed, budget);
    for (size_t i = 0; i < batch && allowance_.spare() < freed; i++) give_up(1, given);
  }

  void give(Span* given_up, Span*& given) noexcept {
    given_up->set_owner(0);
    given_up->next = given;
    given = given_up;
    allowance_.earn(given_up->free_bytes());
    count_--;
  }

  Queue queues_[classes];
  Allowance<own_share, most_bytes> allowance_;
  size_t count_ = 0;
  SizeClass victim_ = 0;
  uint8_t number_ = 0;  // until set_number(); zero, as all here, for the sake of .bss
};

}  // namespace rsb
