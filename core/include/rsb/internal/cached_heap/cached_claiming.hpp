// SPDX-License-Identifier: MIT OR Apache-2.0
// A thread comes to a cache: the first makes all of them, and each says what is to happen at its
// end.
//
// Room cached_heap: for CachedHeap alone.
#pragma once

#include "rsb/internal/cached_heap/cached_emptying.hpp"

namespace rsb {

template <HeapConfig Config>
class CachedClaiming : protected CachedEmptying<Config> {
 protected:
  using Base = CachedEmptying<Config>;
  using Base::fixed_, Base::pages_, Base::seats_, Base::set_;
  using Base::flush_all;
  using Base::owns_spans, Base::page;
  using typename Base::LockGuard, typename Base::Pages, typename Base::Set, typename Base::TheCache,
      typename Base::TheSeats;

  // mine() is for those who only enter it.
  Seat& own_seat() noexcept {
    if constexpr (requires { seats_.own(); }) {
      return seats_.own();
    } else {
      return seats_.mine();
    }
  }

  // Whether the thread has a cache now; if not, it may have to wait until one has looked into it.
  bool has_cache() noexcept {
    {
      const Pinned pinned(seats_);
      Seat& seat = own_seat();
      if (seat.cache() != nullptr) return true;
      if (seat.patience != 0) {
        seat.patience--;
        return false;
      }
    }
    return claim();
  }

  [[gnu::noinline, gnu::cold]] bool claim() noexcept {
    if constexpr (PinnedSeats<TheSeats>) {
      make_caches();  // CPUs have nothing to join for
    } else {
      Seat& seat = own_seat();
      if (seat.membership == Seat::Membership::apart) return false;  // it may be many threads' seat
      if (seat.membership == Seat::Membership::none) join(seat);
      if (seat.membership != Seat::Membership::member) {
        seat.patience = Set::patience;
        return false;
      }
    }
    return set_.claim(seats_);
  }

  // Once a thread, without a lock: what is called here may allocate from this heap.
  void join(Seat& seat) noexcept {
    seat.membership = Seat::Membership::apart;
    if (!make_caches()) {
      seat.membership = Seat::Membership::none;
      return;
    }
    const auto end = [](void* the_heap, Seat& seat_of_thread) {
      seat_of_thread.membership = Seat::Membership::apart;
      auto& self = *static_cast<CachedClaiming*>(the_heap);
      self.settle(self.set_.give_back(seat_of_thread));
    };
    if (seats_.at_thread_end(seat, end, this)) seat.membership = Seat::Membership::member;
  }

  // While a region is being taken out, nobody has a cache, which would hand out again what comes
  // back of it. Another thread that has just taken out another one may have granted some meanwhile.
  [[gnu::cold]] void decide_on_claims() noexcept {
    const bool were_claimed = set_.decide_on_claims([&] {
      LockGuard held(pages_.lock_);
      for (const Span* a = pages_.runs_.acquisitions(); a != nullptr; a = a->next_acquisition) {
        if (Base::Runs::is_leaving(a)) return true;
      }
      return false;
    });
    if (were_claimed) flush_all();
  }

  // ---- Making caches ----

  bool make_caches() noexcept {
    if (set_.is_made()) return true;
    if constexpr (FixedSeats<TheSeats>) {
      set_.make(fixed_.caches, TheSeats::most_caches, spans_of_caches());
      return true;
    } else {
      return acquire_caches();
    }
  }

  // False: there is no memory for a single one.
  bool acquire_caches() noexcept {
    unsigned count = seats_.caches();
    size_t bytes;
    void* memory;
    for (;; count /= 2) {
      if (count == 0) return false;
      bytes = align_up(count * sizeof(TheCache), page);
      if (!may_acquire_caches(bytes)) continue;
      memory = acquire_sparse(pages_.source_, bytes, page);
      if (memory != nullptr) break;
    }
    if (!is_aligned(memory, page)) raise(Fault::bad_pages, memory);
    if constexpr (!ZeroingSource<Pages>) __builtin_memset(memory, 0, bytes);
    const bool made = set_.make(static_cast<TheCache*>(memory), count, spans_of_caches());
    LockGuard guard(pages_.lock_);
    pages_.acquisitions_++;
    pages_.metadata_bytes_ += bytes;
    if (!made) {  // another thread was faster
      pages_.metadata_bytes_ -= bytes;
      pages_.release_or_keep(guard, memory, bytes);
    }
    return true;
  }

  static typename Set::Spans spans_of_caches() noexcept {
    const bool can_be_seized = owns_spans && TheSeats::heavy_barrier();
    return can_be_seized ? Set::Spans::owned : Set::Spans::none;
  }

  // Whether they would take but a small part of what there is.
  bool may_acquire_caches([[maybe_unused]] size_t bytes) noexcept {
    if constexpr (SparingSource<Pages>) {
      constexpr size_t least_share = 32;
      size_t all;
      return !__builtin_mul_overflow(bytes, least_share, &all) && pages_.source_.has_to_spare(all);
    } else {
      return true;
    }
  }
};

}  // namespace rsb
