// SPDX-License-Identifier: MIT OR Apache-2.0
// What passes between a thread's cache and the heap, and what is refused on the way.
//
// Room cached_heap: for CachedHeap alone.
#pragma once

#include "rsb/internal/cached_heap/cached_state.hpp"

namespace rsb {

template <HeapConfig Config>
class CachedGiving : protected CachedState<Config> {
 protected:
  using Base = CachedState<Config>;
  using Base::checked;
  using Base::head_of_slot, Base::note_room;
  using Base::pages_, Base::seats_, Base::set_;
  using typename Base::Adopted, typename Base::Classes, typename Base::TheCache,
      typename Base::Visit;

  // ---- Slots ----

  // The slot, from a magazine or a batch, for the program: marked no more.
  [[gnu::always_inline]] void* unmarked(void* slot, size_t c) noexcept {
    static_assert(Classes::layout(0).units == 1 && Classes::layout(1).units > 1);
    if constexpr (checked) {
      const bool is_whole = c != 0 ? Span::unmark(slot) : Span::unmark_least(slot);
      if (!is_whole) [[unlikely]]
        refuse_overwritten(slot, static_cast<SizeClass>(c));
    }
    return slot;
  }

  // Into the thread's magazine, and what there is no room for, back.
  void put(SizeClass c, void** slots, size_t count) noexcept {
    size_t put = 0;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) put = cache->magazine(c).put(slots, count);
    }
    if (put != 0) note_room();
    if (put != count) give_slots(slots + put, count - put);
  }

  // To the heap. One that it refuses is a fault, after all others have been given.
  void give_slots(void** slots, size_t count) noexcept {
    Adopted none;
    give_slots(slots, count, none);
  }
  void give_slots(void** slots, size_t count, Adopted& adopted) noexcept {
    if (count == 0) return;
    void* const refused = give_whole_slots(slots, count, adopted);
    if (adopted.spans != nullptr) own(adopted.spans);
    if (refused != nullptr) [[unlikely]]
      refuse(refused);
  }

  // Returns one that it refuses; null: none.
  [[nodiscard]] void* give_whole_slots(void** slots, size_t count, Adopted& adopted) noexcept {
    void* refused = nullptr;
    for (;;) {
      const size_t given = Base::deallocate_slots(slots, count, adopted);
      if (given == count) return refused;
      refused = slots[given];
      slots += given + 1;
      count -= given + 1;
    }
  }

  // ---- Spans and runs ----

  // Spans on their way are the thread's cache's now, if there is room; if not, the heap's.
  void own(Span* spans) noexcept {
    Span* const given = put_each(spans, [&](TheCache& its_cache, Span* the_span, Span*& others) {
      return its_cache.spans.add(the_span, set_.span_budget, others);
    });
    if (given != nullptr) Base::take_back_spans(given);
  }

  // Runs on their way are the thread's cache's now, if there is room; if not, the heap's.
  void keep_runs(Span* runs) noexcept {
    Span* const given = put_each(runs, [&](TheCache& its_cache, Span* the_run, Span*& others) {
      return its_cache.runs.put(the_run, set_.run_budget, others);
    });
    if (given != nullptr) Base::take_back_runs(given);
  }

  // put(cache, span, given) for each of a chain; returns what it gave up, and those that it had no
  // room for.
  template <class Put>
  Span* put_each(Span* chain, Put put) noexcept {
    Span* given = nullptr;
    {
      const Visit visit(seats_);
      TheCache* const cache = visit.cache();
      for (Span* next; chain != nullptr; chain = next) {
        next = chain->next;
        if (cache != nullptr && put(*cache, chain, given)) continue;
        chain->next = given;
        given = chain;
      }
    }
    note_room();
    return given;
  }

  // ---- Refusing ----

  // A slot of four bytes has no room for a mark that would tell without fail.
  void refuse_if_recent(const Span* span, const void* block) noexcept {
    if (!checked || span->slot_units > 1) return;
    if (!span->looks_free(block, Base::offset_in_span(span, block))) return;
    bool is_free = false;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        is_free = cache->magazine(span->size_class).has_among_last(Span::recent, block);
      }
    }
    if (is_free) raise(Fault::double_free, block);
  }

  // From a magazine or a batch, to where it remains free.
  [[noreturn, gnu::cold, gnu::noinline]] void refuse_overwritten(void* slot, SizeClass c) noexcept {
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) cache->magazine(c).put(&slot, 1);
    }
    raise(Fault::overwritten_link, slot);
  }

  // What the heap did not take back: written to since it was released, or released twice.
  [[noreturn, gnu::cold, gnu::noinline]] void refuse(void* slot) noexcept {
    Span* const span = head_of_slot(pages_.map().find(slot));
    const bool is_whole = Span::is_span(span->kind_without_lock()) &&
                          span->looks_free(slot, Base::offset_in_span(span, slot));
    raise(is_whole ? Fault::double_free : Fault::overwritten_link, slot);
  }
};

}  // namespace rsb
