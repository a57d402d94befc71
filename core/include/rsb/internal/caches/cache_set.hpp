// SPDX-License-Identifier: MIT OR Apache-2.0
// All caches of a heap, and whose they are.
//
// Policy. A thread claims a cache when it first allocates or releases, and gives it back, as it is,
// when it ends. Of those that nobody has, the last one keeps what is in it, for the next thread;
// the others are emptied, each by who gives back the next one. While all are taken, a thread that
// has none works on the heap under its lock, and asks again every `patience` times that it does. It
// then looks at up to `looks` caches in turn, and takes over the first whose holder has done
// nothing with it since the last look at it. So an idle holder does not keep an active thread
// waiting for longer than two turns of looks; threads that are all active, and more than there are
// caches, keep what they have. Who has lost a cache while idle asks for another when it is active
// again.
//
// Seizing takes all caches out of their threads' hands, so that somebody can look into them, or
// take them away to empty them. It waits for those who are just at work on theirs, which takes a
// few instructions unless the thread is held up in between. Where the platform's heavy barrier
// fails, only caches that nobody holds, and the calling thread's own, can be seized, and none be
// taken over.
//
// One lock, taken before the heap's, and held neither while the page source runs nor while anything
// waits for it that the page source could wait for. A signal handler may not take it, but to fork.
// Seats::mine() is the calling thread's for as long as the lock is held, see PinnedSeats.
//
// Room caches: for the room cached_heap, CachedHeap's.
#pragma once

#include "rsb/internal/caches/cache.hpp"

namespace rsb {

// A lock that can tell whether the calling thread has it. For forks in signal handlers.
template <class L>
concept KnowsHolder = Lock<L> && requires(L l) {
  { l.is_held_by_this_thread() }
  noexcept->SameAs<bool>;
};

// The set's lock: the heap's kind, unless the seats say otherwise.
template <class TheSeats, class HeapLock>
struct SetLockOf {
  using Type = HeapLock;
};
template <class TheSeats, class HeapLock>
requires Lock<typename TheSeats::SetLock>
struct SetLockOf<TheSeats, HeapLock> {
  using Type = typename TheSeats::SetLock;
};

template <class TheCache, Seats TheSeats, Lock TheLock>
class CacheSet {
  using LockGuard = Guard<TheLock>;

 public:
  static constexpr uint16_t patience = 256;
  static constexpr unsigned looks = 16;

  constexpr CacheSet() noexcept = default;

  // ---- Making ----

  bool is_made() const noexcept { return load_acquire(&caches_) != nullptr; }

  // Whether a thread that owns spans can be made to stand still, so that others may look at them.
  enum class Spans : uint8_t { none, owned };

  // Zeroed memory for `count` caches. False: it has some already.
  bool make(TheCache* caches, unsigned count, Spans spans) noexcept {
    LockGuard guard(lock_);
    if (is_made()) return false;
    budget.give(TheCache::common_share(count));
    span_budget.give(TheCache::common_share_of_spans(count));
    run_budget.give(TheCache::common_share_of_runs(count));
    for (unsigned i = count; i != 0; i--) {
      const bool has_number = spans == Spans::owned && i < TheCache::Spans::nobody;
      caches[i - 1].spans.set_number(has_number ? static_cast<uint8_t>(i)
                                                : TheCache::Spans::nobody);
      put_back(&caches[i - 1]);
    }
    store_release(&caches_, caches);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);  // a handler that forks finds all of them or none
    count_ = count;
    return true;
  }

  CacheBudget budget;       // for magazines
  CacheBudget span_budget;  // for spans
  CacheBudget run_budget;   // for runs

  // ---- Claiming ----

  // A cache for the calling thread. False: there is none now, and the thread shall be patient.
  // Constant time.
  bool claim(TheSeats& seats) noexcept {
    LockGuard guard(lock_);
    Seat& seat = seats.mine();
    if (seat.cache() != nullptr) return true;  // it was only seized
    const bool may_claim = !are_withheld_ && takers_of_all_ == 0;
    TheCache* const cache = may_claim ? take_unclaimed_or_idle() : nullptr;
    if (cache == nullptr) {
      seat.patience = patience;
      return false;
    }
    if (!cache->has_begun) cache->begin();
    set_owner(*cache, &seat);
    seat.set_cache(cache);
    return true;
  }

  // The thread whose seat it is, the calling one, does without from now on. Constant time. Returns
  // the cache that was given back before, if there is something in it: nobody has wanted it since.
  // It is the calling thread's, to be emptied and then given to put_below(). Null: there is none.
  [[nodiscard]] TheCache* give_back(Seat& seat) noexcept {
    LockGuard guard(lock_);
    return give_back_locked(seat);
  }
  [[nodiscard]] TheCache* give_back_own(TheSeats& seats) noexcept {
    LockGuard guard(lock_);
    return give_back_locked(seats.mine());
  }

  // It is unclaimed from now on, and claimed after the one that was given back last.
  void put_below(TheCache* cache) noexcept {
    LockGuard guard(lock_);
    cache->taker = nullptr;
    TheCache* const last = unclaimed_;
    if (last == nullptr) return put_back(cache);
    cache->next = last->next;
    last->next = cache;
  }

  // Whether two threads have caches, or more. Asked without the lock: there may be another now.
  bool has_many_owners() const noexcept { return load_relaxed(&owners_) > 1; }

  // As give_back(), for another one's, which is waited for if it is just at work; it may claim
  // another.
  void take_back(Seat& seat) noexcept {
    LockGuard guard(lock_);
    TheCache* const cache = cache_of(seat);
    if (cache == nullptr) return;
    seat.set_cache(nullptr);
    if (!TheSeats::heavy_barrier()) return seat.set_cache(cache);
    wait_until_outside(seat);
    put_back(cache);
  }

  // ---- Seizing: linear in the number of caches ----

  // Holds the lock, and all caches still, for a scope. Threads that want theirs wait.
  class Seizure {
   public:
    Seizure(CacheSet& the_set, TheSeats& the_seats) noexcept : set_(the_set) {
      set_.lock_.lock();
      set_.seize(the_seats.mine());
    }
    ~Seizure() {
      set_.release();
      set_.lock_.unlock();
    }
    Seizure(const Seizure&) = delete;
    Seizure& operator=(const Seizure&) = delete;

    // Calls f(cache) for each that can be looked into until it returns false; returns false in that
    // case.
    template <class F>
    bool for_each(F&& f) noexcept {
      for (unsigned i = 0; i < set_.count_; i++) {
        const TheCache& cache = set_.caches_[i];
        if (cache.taker != nullptr || !cache.has_begun || !cache.is_still) continue;
        if (!f(cache)) return false;
      }
      return true;
    }

   private:
    CacheSet& set_;
  };

  // All caches that there is something in, one behind the other, for the calling thread to do with
  // as it likes. Who had one is without, and nobody claims any, until put_back_all().
  [[nodiscard]] TheCache* take_all(TheSeats& seats) noexcept {
    LockGuard guard(lock_);
    Seat& own = seats.mine();
    seize(own);
    takers_of_all_++;
    TheCache* taken = nullptr;
    unclaimed_ = nullptr;
    for (unsigned i = count_; i-- != 0;) {
      TheCache* const cache = &caches_[i];
      if (!cache->is_still || cache->taker != nullptr) continue;
      if (!cache->has_begun) {
        put_back(cache);
        continue;
      }
      set_owner(*cache, nullptr);
      cache->taker = &own;
      cache->next = taken;
      taken = cache;
    }
    release();
    return taken;
  }

  // What the cache, which forgets it then, has of the budgets.
  void return_borrowed(const TheCache& cache) noexcept {
    budget.give(cache.borrowed());
    span_budget.give(cache.spans.borrowed());
    run_budget.give(cache.runs.borrowed());
  }

  // The caches that take_all() returned are unclaimed from now on.
  void put_back_all(TheCache* caches) noexcept {
    LockGuard guard(lock_);
    if (takers_of_all_ != 0) takers_of_all_--;  // a child begins without
    while (caches != nullptr) {
      TheCache* const cache = caches;
      caches = cache->next;
      cache->taker = nullptr;
      put_back(cache);
    }
  }

  // Whether the calling thread is, as far as its lock can tell.
  bool is_at_work_on_set() noexcept {
    if constexpr (KnowsHolder<TheLock>) return lock_.is_held_by_this_thread();
    return false;
  }

  // Whether caches may be claimed. Asked without the lock: that may have changed by now.
  bool grants_claims() const noexcept { return !load_relaxed(&are_withheld_); }
  void refuse_claims() noexcept {
    LockGuard guard(lock_);
    store_relaxed(&are_withheld_, true);
  }
  // They may from now on unless must_refuse(), whatever other threads have made of it meanwhile.
  // True: they might before, and may not any more.
  template <class F>
  bool decide_on_claims(F must_refuse) noexcept {
    LockGuard guard(lock_);
    const bool granted = grants_claims();
    const bool refused = must_refuse();
    store_relaxed(&are_withheld_, refused);
    return granted && refused;
  }

  // ---- fork ----

  // While the process is copied, the set is nobody's else, and all caches are still; but for the
  // calling thread's if this is a handler that interrupted it there. A thread that is not
  // interrupted there keeps its cache, and may call the heap until the fork is over (KnowsFork).
  // The set is left as it is if the handler interrupted this thread at work on it; and if it
  // interrupted this thread inside the heap, unless there is a lock to be had at once: who holds it
  // may be waiting for what this thread has. False: somebody else holds the lock, and nothing has
  // been done. The calling thread must not be waited for: see Seat::stop().
  bool before_fork(Seat& own, bool is_inside_heap) noexcept {
    if (is_at_work_on_set()) return begin_fork(own, Seat::ForkMode::within);
    if (is_held_for_fork()) return begin_fork(own, Seat::ForkMode::nested);
    if (!take_if_free(lock_)) {
      return is_inside_heap ? begin_fork(own, Seat::ForkMode::unlocked) : false;
    }
    TheCache* const cache = cache_of(own);
    seize(own);
    own.set_cache(cache);
    forking_ = &own;
    if constexpr (KnowsFork<TheLock>) lock_.hold_for_fork();
    return begin_fork(own, Seat::ForkMode::locked);
  }

  void after_fork_in_parent(Seat& own) noexcept {
    if (own.end_fork() == Seat::ForkMode::locked) {
      forking_ = nullptr;
      release();
      if constexpr (KnowsFork<TheLock>) {
        lock_.unlock_in_parent();
      } else {
        lock_.unlock();
      }
    }
  }

  // The other threads are not in the child, nor is the memory of their seats theirs.
  void after_fork_in_child(Seat& own) noexcept {
    const Seat::ForkMode mode = own.end_fork();
    if (mode == Seat::ForkMode::within) {
      abandon_others(own);
    } else {
      inherit(own, mode != Seat::ForkMode::unlocked);
      forking_ = nullptr;
      if constexpr (KnowsFork<TheLock>) {
        lock_.reset_in_child();
      } else {
        lock_.unlock();
      }
    }
  }

 private:
  static TheCache* cache_of(const Seat& seat) noexcept {
    return static_cast<TheCache*>(seat.cache());
  }

  void set_owner(TheCache& cache, Seat* owner) noexcept {
    store_relaxed(&owners_, owners_ + (owner != nullptr) - (cache.owner != nullptr));
    cache.owner = owner;
  }

  static bool begin_fork(Seat& own, Seat::ForkMode mode) noexcept {
    own.begin_fork(mode);
    return true;
  }

  bool is_held_for_fork() noexcept {
    if constexpr (KnowsFork<TheLock>) return lock_.is_held_for_fork();
    return false;
  }

  // What was interrupted may be just at any cache, or wait for its owner, and goes on now.
  void abandon_others(const Seat& own) noexcept {
    takers_of_all_ = 0;
    for (unsigned i = 0; i < count_; i++) {
      TheCache& cache = caches_[i];
      if (cache.owner == nullptr || cache.owner == &own) continue;
      cache.owner->lose_thread();
      cache.taker = cache.owner;  // who will not bring it back
      set_owner(cache, nullptr);
    }
  }

  // All caches but the thread's own are unclaimed from now on. Some thread may have been at work on
  // those that were not still: what they held is lost.
  void inherit(Seat& own, bool are_seized) noexcept {
    unclaimed_ = nullptr;
    takers_of_all_ = 0;
    for (unsigned i = 0; i < count_; i++) {
      TheCache& cache = caches_[i];
      if (cache.owner == &own) {
        own.set_cache(&cache);
        continue;
      }
      if (cache.taker == &own) continue;  // what this handler interrupted will bring it back
      const bool is_whole = are_seized && cache.is_still && cache.taker == nullptr;
      if (cache.has_begun && !is_whole) {
        return_borrowed(cache);
        cache.begin();
        cache.spans.set_number(TheCache::Spans::nobody);  // its spans may be in no order
      }
      cache.taker = nullptr;
      put_back(&cache);
    }
    owners_ = cache_of(own) != nullptr ? 1 : 0;
  }

  TheCache* give_back_locked(Seat& seat) noexcept {
    TheCache* const before = unclaimed_;
    const bool is_full = before != nullptr && before->has_begun && !before->is_empty();
    if (is_full) {
      unclaimed_ = before->next;
      before->taker = &seat;
    }
    if (TheCache* const cache = cache_of(seat)) {
      seat.set_cache(nullptr);
      put_back(cache);
    }
    return is_full ? before : nullptr;
  }

  void put_back(TheCache* cache) noexcept {
    set_owner(*cache, nullptr);
    cache->next = unclaimed_;
    unclaimed_ = cache;
  }

  TheCache* take_unclaimed_or_idle() noexcept {
    TheCache* const cache = unclaimed_;
    if (cache == nullptr) return take_over_idle();
    unclaimed_ = cache->next;
    return cache;
  }

  // Null: none that was looked at is idle.
  TheCache* take_over_idle() noexcept {
    if (forking_ != nullptr) return nullptr;
    for (unsigned i = 0; i < smaller(looks, count_); i++) {
      if (++cursor_ >= count_) cursor_ = 0;
      TheCache* const cache = &caches_[cursor_];
      Seat* const owner = cache->owner;
      if (owner == nullptr || !owner->is_idle()) continue;
      owner->set_cache(nullptr);
      if (TheSeats::heavy_barrier() && owner->is_idle()) return cache;
      owner->set_cache(cache);  // it has just come back
    }
    return nullptr;
  }

  void seize(Seat& own) noexcept {
    bool others = false;
    for (unsigned i = 0; i < count_; i++) {
      TheCache& cache = caches_[i];
      if (cache.owner == nullptr) continue;
      if (cache.owner != &own) others = true;
      cache.owner->set_cache(nullptr);
    }
    const bool all_know = !others || TheSeats::heavy_barrier();
    for (unsigned i = 0; i < count_; i++) {
      TheCache& cache = caches_[i];
      Seat* const owner = cache.owner;
      cache.is_still = owner == nullptr || owner == &own || all_know;
      if (owner == nullptr || !cache.is_still) continue;
      if (owner != &own) wait_until_outside(*owner);
      cache.is_still = !owner->is_stopped();
    }
  }

  // Gives the caches back to whom they were seized from; while the process forks, to the forking
  // thread only.
  void release() noexcept {
    for (unsigned i = 0; i < count_; i++) {
      TheCache& cache = caches_[i];
      if (cache.owner == nullptr || (forking_ != nullptr && cache.owner != forking_)) continue;
      cache.owner->set_cache(&cache);
    }
  }

  static void wait_until_outside(const Seat& seat) noexcept {
    BackOff<typename TheSeats::Wait> back_off;
    while (seat.is_inside()) back_off.pause();
  }

  TheLock lock_;
  TheCache* caches_ = nullptr;
  unsigned count_ = 0;
  unsigned owners_ = 0;  // how many of them are somebody's
  unsigned cursor_ = 0;
  TheCache* unclaimed_ = nullptr;
  bool are_withheld_ = false;
  unsigned takers_of_all_ = 0;  // between take_all() and put_back_all()
  Seat* forking_ = nullptr;     // whose thread forks: the caches of all others are seized
};

}  // namespace rsb
