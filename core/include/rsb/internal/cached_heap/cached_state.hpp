// SPDX-License-Identifier: MIT OR Apache-2.0
// What a heap with caches is made of besides the heap: seats and the set of caches; how a thread
// comes to its own, and by what a slot is told that may go into it.
//
// Room cached_heap: for CachedHeap alone.
#pragma once

#include "rsb/internal/cached_heap/cache_exchange.hpp"
#include "rsb/internal/caches/cache_set.hpp"

namespace rsb {

template <class C>
concept CachedConfig = HeapConfig<C> && Seats<typename C::Seats>;

template <HeapConfig Config>
class CachedState : protected CacheExchange<Config> {
  static_assert(CachedConfig<Config>, "a configuration with caches has Seats, see seat.hpp");
  static_assert(!HasPushLock<typename Config::Lock>,
                "caches of several cores need atomic instructions that all of them see");

 protected:
  using Base = CacheExchange<Config>;
  using Base::checked, Base::head_of_slot, Base::page;
  using Base::pages_;
  using typename Base::Classes;

  using TheSeats = typename Config::Seats;

  static constexpr CacheOptions cache_options = [] {
    if constexpr (requires { Config::caches; }) {
      return Config::caches;
    } else {
      return CacheOptions{};
    }
  }();

  using TheCache = Cache<Classes, cache_options, page>;
  using Set =
      CacheSet<TheCache, TheSeats, typename SetLockOf<TheSeats, typename Config::Lock>::Type>;
  using Seizure = typename Set::Seizure;

  static constexpr bool owns_spans = TheCache::owns_spans;
  static constexpr bool keeps_runs = TheCache::keeps_runs;

  constexpr CachedState() noexcept = default;

  bool is_held_by_this_thread() noexcept {
    if constexpr (KnowsHolder<typename Config::Lock>) {
      return pages_.lock_.is_held_by_this_thread();
    }
    return false;
  }

  // The calling thread at work on its cache, for a scope: it neither waits nor calls anything
  // there. To find its seat is part of it: a thread may have another one the next time
  // (PinnedSeats).
  class Visit {
   public:
    [[gnu::always_inline]] explicit Visit(TheSeats& the_seats) noexcept
        : pinned_(the_seats), seat_(the_seats.mine()), cache_(seat_.template enter<TheSeats>()) {}
    [[gnu::always_inline]] ~Visit() { seat_.leave(); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

    // Null: it has none.
    TheCache* cache() const noexcept { return static_cast<TheCache*>(cache_); }

   private:
    Pinned<TheSeats> pinned_;
    Seat& seat_;
    void* const cache_;
  };

  // ---- Slots ----

  // Of 8 bytes or more, whatever run it is.
  static bool seems_slot(const Span* span, const void* block, size_t offset) noexcept {
    if constexpr (!checked) return span->has_larger_slots();
    return span->may_be_in_use(block, offset);
  }
  static bool is_slot(const Span* span, const void* block) noexcept {
    if constexpr (!checked) return Span::is_span(span->kind_without_lock());
    return Span::is_span(span->kind_without_lock()) &&
           span->is_in_use(block, Base::offset_in_span(span, block));
  }

  // Null: the block is no live one of a bin's.
  Span* span_of_slot(const void* block) noexcept {
    Span* span = pages_.map().find(block);
    if (span == nullptr) return nullptr;
    span = head_of_slot(span);
    return is_slot(span, block) ? span : nullptr;
  }

  // Whether what lies in a magazine of this class is a slot of it, and was not written to.
  bool belongs_in_cache(const void* slot, SizeClass c) noexcept {
    Span* span = pages_.map().find(slot);
    if (span == nullptr) return false;
    span = head_of_slot(span);
    if (!Span::is_span(span->kind_without_lock()) || span->size_class != c) return false;
    return !checked || span->is_marked_as_cached(slot, Base::offset_in_span(span, slot));
  }

  // ---- Room ----

  // Whoever gives a magazine room says so: those of emptied caches have none, and what is put where
  // there is room is noted nowhere.
  void note_room() noexcept {
    if (!load_relaxed(&have_room_)) store_relaxed(&have_room_, true);
  }

  // False: all caches are as empty as flush_all() left them.
  bool may_hold_slots() noexcept {
    if (load_relaxed(&have_room_)) return true;
    const Visit visit(seats_);
    const TheCache* const cache = visit.cache();
    return cache != nullptr && !cache->is_empty();
  }

  // In the heap object, if their number is fixed.
  template <bool fixed, class C = TheCache>
  struct Storage {};
  template <class C>
  struct Storage<true, C> {
    C caches[TheSeats::most_caches] = {};
  };

  Set set_;
  bool have_room_ = false;  // perhaps: for slots, since all caches were emptied
  [[no_unique_address]] TheSeats seats_;
  [[no_unique_address]] Storage<FixedSeats<TheSeats>> fixed_;
};

}  // namespace rsb
