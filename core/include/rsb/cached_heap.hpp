// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap with a cache for each thread: the same interface as Heap, which it stands on.
//
//   struct Config {
//     using Pages = rsb::platform::Pages;
//     using Lock = rsb::platform::Lock;
//     using Seats = rsb::platform::ThreadSeats<Config>;  // satisfies rsb::Seats
//     static constexpr rsb::Options options{};
//     static constexpr rsb::CacheOptions caches{};       // may be left out
//   };
//   constinit rsb::CachedHeap<Config> heap;
//
// Theory of operation. A thread takes slots from the magazines of its cache (cache.hpp), and puts
// those it releases there, whoever has allocated them. No lock, no atomic read-modify-write. An
// empty or full magazine is filled or emptied in part: from and into spans that the cache owns
// (owned_spans.hpp), or by a batch or a span for which the heap's lock is taken once. Of blocks
// above the span size it keeps those that its thread releases, up to a length
// (cached_runs.hpp). Longer ones, whole pages, and threads that have no cache (cache_set.hpp) go to
// the heap itself.
// An allocation returns null only when all caches have been emptied, unless even all that the heap
// has would not be enough. When a thread ends and at most one other has a cache, free pages keep
// about as much memory as there is behind those in use, or as the threads that ended last have
// used: the rest is discarded, where the source can, as far as 512 runs go.
//
// Cost. Some 25 instructions for an allocation and 40 for a release (with checks, on x86-64) while
// a magazine serves, and what it takes to find the seat. A batch costs what as many calls of the
// heap cost, but for their locks. walk(), check(), trim(), remove_region() and an allocation that
// finds no memory empty all caches.
//
// Checks. The same as Heap's, at the same moments: a slot in a cache is marked as free slots are
// (span.hpp), and nothing else is written to it. That its first bytes were written to is seen when
// it is handed out again, or goes back to the heap. Of blocks of 4 bytes, a second release is seen
// while the first is among the last 16 in the cache that the call finds, or of the span.
//
// Shortcomings. Slots in a cache count as used where spans are concerned: caches keep up to
// CacheOptions::bytes each, on average, from being given back, or all_bytes together. In the list
// of an owned span may lie what others have released of it, until its owner has used it up, gives
// it back or loses it. What is cached is counted in no statistics but used_bytes and cached_*. What
// deallocate_nowait() was given is taken over by what goes to the heap, not while magazines serve:
// how much memory that may cost, heap.hpp says.
//
// Whose calls: any thread's, and handlers' only of functions named _nowait, as for Heap. (Those
// know nothing of caches.) The lock is the heap's for batches, and one of its type for the set,
// unless the seats say otherwise. In a preemptible kernel: see CpuSeats.
#pragma once

#include "rsb/heap.hpp"
#include "rsb/internal/caches/cache_set.hpp"

namespace rsb {

template <class C>
concept CachedConfig = HeapConfig<C> && Seats<typename C::Seats>;

template <HeapConfig Config>
class CachedHeap : Heap<Config> {
  static_assert(CachedConfig<Config>, "a configuration with caches has Seats, see seat.hpp");
  static_assert(!HasPushLock<typename Config::Lock>,
                "caches of several cores need atomic instructions that all of them see");

  using Base = Heap<Config>;
  using TheSeats = typename Config::Seats;

  static constexpr CacheOptions cache_options = [] {
    if constexpr (requires { Config::caches; }) {
      return Config::caches;
    } else {
      return CacheOptions{};
    }
  }();

 public:
  using Base::checked;
  using Base::options;
  using Base::page;
  using Base::tells_makers;
  using typename Base::Classes;
  using typename Base::Pages;

  constexpr CachedHeap() noexcept = default;

  // ---- Allocating: as Heap's ----

  [[nodiscard, gnu::always_inline]] void* allocate(size_t size) noexcept {
    if (size > Classes::largest) [[unlikely]]
      return allocate_pages(size, page, Fill::none);
    const SizeClass c = Classes::of(size);
    if (c < Classes::of(0)) __builtin_unreachable();  // spares a question about 4-byte slots
    return allocate_slot(c);
  }

  [[nodiscard]] void* allocate(size_t size, size_t alignment) noexcept {
    return allocate(size, alignment, Fill::none);
  }

  [[nodiscard]] void* allocate(size_t size, size_t alignment, Fill fill) noexcept {
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    const SizeClass c = Classes::of(size, alignment);
    if (c == Classes::none) return allocate_pages(size, alignment, fill);
    return Base::filled(allocate_slot(c), Classes::layout(c).size, fill);
  }

  [[nodiscard]] void* allocate_zeroed(size_t size) noexcept {
    if (size > Classes::largest) return allocate_pages(size, page, Fill::zero);
    const SizeClass c = Classes::of(size);
    return Base::filled(allocate_slot(c), Classes::layout(c).size, Fill::zero);
  }

  // ---- Releasing: as Heap's ----

  [[gnu::always_inline]] void deallocate(void* block) noexcept {
    Span* const span = this->pages_.map().find_near(block);
    if (span == nullptr) [[unlikely]]
      return deallocate_doubtful(block, *this);
    deallocate_in(span, block);
  }

  void deallocate(void* block, size_t size) noexcept {
    deallocate_sized(block, size, size <= Classes::largest ? Classes::of(size) : Classes::none);
  }

  void deallocate(void* block, size_t size, size_t alignment) noexcept {
    deallocate_sized(block, size, Classes::of(size, alignment));
  }

  using Base::expect_size;

  // Nothing of these passes through a cache.
  using Base::allocate_nowait;
  using Base::deallocate_nowait;

  // ---- Resizing: as Heap's ----

  [[nodiscard]] void* reallocate(void* block, size_t size) noexcept {
    if (block == nullptr) return allocate(size);
    const SizeClass c = size <= Classes::largest ? Classes::of(size) : Classes::none;
    return reallocate_to(block, size, Classes::alignment_of(size), c);
  }

  [[nodiscard]] void* reallocate(void* block, size_t size, size_t alignment) noexcept {
    if (block == nullptr) return allocate(size, alignment);
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    return reallocate_to(block, size, alignment, Classes::of(size, alignment));
  }

  size_t usable_size(const void* block) noexcept {
    if (block == nullptr) return 0;
    const Span* const span = span_of_slot(block);
    if (span == nullptr) return Base::usable_size(block);
    refuse_if_recent(span, block);
    return span->slot_bytes();
  }

  using Base::block_with;
  using Base::lock;
  using Base::may_own;

  // ---- The rest: as Heap's ----

  using Base::pages;
  using Base::seed;
  using Base::set_out_of_memory_handler;

  size_t add_region(void* base, size_t bytes) noexcept {
    const size_t added = Base::add_region(base, bytes);
    if (!set_.grants_claims()) decide_on_claims();
    return added;
  }

  // Until the region is removed, or added again, no thread has a cache.
  [[nodiscard, gnu::cold]] size_t remove_region(void* base, size_t bytes) noexcept {
    set_.refuse_claims();
    flush_all();
    const size_t removed = Base::remove_region(base, bytes);
    decide_on_claims();
    return removed;
  }

  // Empties all caches first.
  [[gnu::cold]] size_t trim() noexcept {
    const size_t before = given_back();
    flush_all();
    Base::trim();
    return given_back() - before;
  }

  // ---- Caches ----

  // The calling thread's cache is as good as unclaimed from now on, until it allocates or releases
  // again: for a thread that will not for long. As at the end of a thread, memory behind free pages
  // may be discarded.
  [[gnu::cold]] void give_back_cache() noexcept { settle(set_.give_back_own(seats_)); }

  // The same for a CPU, below CpuSeats' number of them, which has gone offline; by whoever takes it
  // down. One that is not, is waited for if it is at work on its cache, and claims another when it
  // allocates or releases again. Constant time.
  //
  // What lies in a cache that was given back stays there for whoever claims it next, until another
  // one is given back by its thread, or all are emptied.
  [[gnu::cold]] void give_back_cache(unsigned cpu) noexcept requires PinnedSeats<TheSeats> {
    set_.take_back(seats_.of(cpu));
  }

  // Whether the calling thread is inside a call of this heap: a signal handler may have interrupted
  // it there, and must not wait for anybody. (Under a lock of the heap only if that KnowsHolder.)
  [[gnu::cold]] bool is_inside_call() noexcept {
    const Seat& seat = seats_.mine();
    if (seat.is_inside() || seat.is_stopped() || set_.is_at_work_on_set()) return true;
    return is_held_by_this_thread();
  }

  // Around fork: begin_fork(), after which nobody waits for this thread to leave its cache; then
  // before_fork() until it returns true, the heap's own lock, the fork, and back: that lock,
  // after_fork_in_parent() or after_fork_in_child(), end_fork(). If the lock KnowsFork, the thread
  // may call the heap from before_fork() on. False: another thread holds a lock; whoever holds a
  // lock that a handler of that one may wait for must give that up before he asks again.
  void begin_fork() noexcept {
    static_assert(!PinnedSeats<TheSeats>, "processes fork, and their seats are threads'");
    seats_.mine().stop();
  }
  [[nodiscard]] bool before_fork() noexcept {
    return set_.before_fork(seats_.mine(), is_held_by_this_thread());
  }
  void after_fork_in_parent() noexcept { set_.after_fork_in_parent(seats_.mine()); }
  void after_fork_in_child() noexcept { set_.after_fork_in_child(seats_.mine()); }
  void end_fork() noexcept { seats_.mine().go_on(); }

 private:
  template <HeapConfig>
  friend class CachedHeapInspector;

  using TheCache = Cache<Classes, cache_options, page>;
  using Set =
      CacheSet<TheCache, TheSeats, typename SetLockOf<TheSeats, typename Config::Lock>::Type>;
  using Seizure = typename Set::Seizure;
  using Adopted = typename Base::Adopted;

  static constexpr bool owns_spans = TheCache::owns_spans;
  static constexpr bool keeps_runs = TheCache::keeps_runs;

  using Others = typename PageAllocator<Config>::Others;
  using LockGuard = typename Base::LockGuard;

  bool is_held_by_this_thread() noexcept {
    if constexpr (KnowsHolder<typename Config::Lock>) {
      return this->pages_.lock_.is_held_by_this_thread();
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

  // ---- Fast paths ----

  [[gnu::always_inline]] void* allocate_slot(size_t c) noexcept {
    void* slot = nullptr;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) [[likely]]
        slot = cache->magazine(c).pop();
    }
    return slot != nullptr ? unmarked(slot, c) : allocate_slowly(c);
  }

  // The span is that of the block's page.
  [[gnu::always_inline]] void deallocate_in(Span* span, void* block) noexcept {
    span = head_of_slot(span);
    const size_t offset = Base::offset_in_span(span, block);
    if (!seems_slot(span, block, offset)) [[unlikely]]
      return deallocate_doubtful(block, *this);
    const size_t c = span->size_class;
    if constexpr (checked) span->template mark_as_cached<Span::Least::eight_bytes>(block, offset);
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) [[likely]] {
        const Magazine m = cache->magazine(c);
        if (m.push(block)) [[likely]]
          return;
      }
    }
    deallocate_slowly(block, c, *this);
  }

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

  // What is no slot, or does not look like one at first sight, or lies far from most others. As
  // Heap's slow paths, with the block first.
  [[gnu::noinline]] static void deallocate_doubtful(void* block, CachedHeap& heap) noexcept {
    Span* const span = heap.span_of_slot(block);
    if (span == nullptr) return heap.deallocate_no_slot(block);
    heap.refuse_if_recent(span, block);
    Base::mark_as_cached(span, block);
    deallocate_slowly(block, span->size_class, heap);
  }

  void deallocate_sized(void* block, size_t size, SizeClass c) noexcept {
    Base::expect_class(block, size, c);
    deallocate(block);
  }

  // Who has a live block may look at its span without the lock; see Span::kind_without_lock().
  static Span* head_of_slot(Span* span) noexcept {
    if constexpr (Base::spans_have_tails) {
      if (span->kind_without_lock() == Kind::tail) return span->next;
    }
    return span;
  }

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
    Span* span = this->pages_.map().find(block);
    if (span == nullptr) return nullptr;
    span = head_of_slot(span);
    return is_slot(span, block) ? span : nullptr;
  }

  // Whether what lies in a magazine of this class is a slot of it, and was not written to.
  bool belongs_in_cache(const void* slot, SizeClass c) noexcept {
    Span* span = this->pages_.map().find(slot);
    if (span == nullptr) return false;
    span = head_of_slot(span);
    if (!Span::is_span(span->kind_without_lock()) || span->size_class != c) return false;
    return !checked || span->is_marked_as_cached(slot, Base::offset_in_span(span, slot));
  }

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

  // ---- Slow paths ----

  [[gnu::noinline]] void* allocate_slowly(size_t its_class) noexcept {
    const SizeClass c = static_cast<SizeClass>(its_class);
    if (!has_cache()) return allocate_alone(c);

    void* slots[cache_options.batch];
    size_t surplus = 0;
    size_t wanted = 1;
    void* found = nullptr;
    bool has_spans = false;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        const Magazine m = cache->magazine(c);
        found = m.pop();  // the cache was only seized, or comes from another thread
        if (found == nullptr) {
          surplus = cache->found_empty(c, set_.budget, slots);
          if (m.capacity() != 0) note_room();
          wanted = larger(smaller(TheCache::batch(c), m.capacity()), 1);
          has_spans = owns_spans && cache->spans.may_own(c);
        }
      }
    }
    if (found != nullptr) return unmarked(found, c);
    give_slots(slots, surplus);
    if (has_spans) {
      if (void* const slot = allocate_from_spans(c, wanted)) return slot;
    }

    const size_t got = Base::allocate_slots(c, slots, wanted);
    if (got == 0) return allocate_alone(c);
    put(c, slots + 1, got - 1);
    return unmarked(slots[0], c);
  }

  // ---- Runs of pages ----

  // While one thread alone has a cache, nobody waits for the lock, and runs that lie side by side
  // are worth more in the heap.
  bool may_keep_runs() noexcept { return keeps_runs && has_cache() && set_.has_many_owners(); }

  void deallocate_no_slot(void* block) noexcept {
    Span* const run = live_run(block);
    if (run == nullptr || run->pages > TheCache::Runs::longest || !may_keep_runs()) {
      return Base::deallocate(block);
    }
    if (!run->become_cached() && checked) raise(Fault::double_free, block);
    run->dirty = run->pages;
    Span* given = nullptr;
    bool is_kept = false;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        is_kept = cache->runs.put_released(run, set_.run_budget, given);
      }
    }
    note_room();
    if (!is_kept) {
      run->next = given;
      given = run;
    }
    if (given == nullptr) return;
    Base::take_back_runs(given);
    Base::take_over_some();
  }

  // Of a block that is one; or null.
  Span* live_run(const void* block) noexcept {
    Span* const run = this->pages_.map().find(block);
    return run != nullptr && Base::is_live_large(run, block) ? run : nullptr;
  }

  // For a block of so many pages, or a few more; null: to be had neither from the cache nor at once
  // from the heap.
  Span* take_run(size_t least) noexcept {
    const size_t length = rounded_run(least);
    Span* run = nullptr;
    size_t wanted = 0;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        run = cache->runs.take(length);
        if (run == nullptr && set_.has_many_owners()) wanted = cache->runs.wanted(length);
      }
    }
    if (wanted != 0) {
      run = Base::take_runs(length, wanted);
      if (run != nullptr && run->next != nullptr) keep_runs(run->next);
    }
    if (run != nullptr) run->become_live();
    return run;
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

  // Null: not to be had so, or not at once.
  void* allocate_run([[maybe_unused]] size_t size, [[maybe_unused]] size_t alignment,
                     [[maybe_unused]] Fill fill) noexcept {
    if constexpr (keeps_runs) {
      if (size > TheCache::Runs::longest * page || alignment > page) return nullptr;
      if (!has_cache()) return nullptr;
      if (Span* const run = take_run(Base::pages_for(size))) {
        const bool is_zero = ZeroingSource<Pages> && run->dirty == 0;
        return Base::filled(run->base, is_zero ? 0 : run->pages * page, fill);
      }
    }
    return nullptr;
  }

  // ---- The cache's own spans ----

  // Fills the magazine with up to wanted - 1 slots, and returns another one. Null: there are none,
  // nor a span with some to be had at once.
  void* allocate_from_spans(SizeClass c, size_t wanted) noexcept {
    void* slots[cache_options.batch];
    Span* given = nullptr;
    size_t got = 0;
    const void* overwritten = nullptr;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        // Perhaps another one than when `wanted` was found out: see PinnedSeats.
        const Magazine m = cache->magazine(c);
        const size_t most = smaller(wanted, m.capacity() - m.count() + 1);
        got = cache->spans.template take<options.checks>(c, slots, most, given);
        if (got > 1) m.put(slots + 1, got - 1);
        if (got == 0) overwritten = overwritten_in(cache->spans.first(c));
      }
    }
    if (got == 0 && overwritten == nullptr) {
      got = wanted;
      if (Span* const another = Base::exchange_spans(given, c, slots, got)) {
        if (got == 0) overwritten = overwritten_in(another);
        another->next = nullptr;
        own(another);
        if (got > 1) put(c, slots + 1, got - 1);
      }
    } else if (given != nullptr) {
      Base::take_back_spans(given);
    }
    if (overwritten != nullptr) [[unlikely]]
      raise(Fault::overwritten_link, overwritten);
    return got != 0 ? unmarked(slots[0], c) : nullptr;
  }

  // The first slot of a span from which nothing could be taken; null if that is as it should be.
  static const void* overwritten_in(const Span* span) noexcept {
    if (span == nullptr || !span->has_free()) return nullptr;
    return span->slot(span->slots.first_free);
  }

  // Spans on their way are the thread's cache's now, if there is room; if not, the heap's.
  void own(Span* spans) noexcept {
    Span* const given = put_each(spans, [&](TheCache& its_cache, Span* the_span, Span*& others) {
      return its_cache.spans.add(the_span, set_.span_budget, others);
    });
    if (given != nullptr) Base::take_back_spans(given);
  }

  // Puts the slots into those of their spans that the cache owns; returns how many are left in
  // slots[].
  size_t take_home(TheCache& cache, void** slots, size_t count, Span*& given) noexcept {
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
      Span* const span = head_of_slot(this->pages_.map().find(slots[i]));
      const size_t offset = Base::offset_in_span(span, slots[i]);
      if (!cache.spans.template put<options.checks>(span, slots[i], offset, set_.span_budget,
                                                    given)) {
        slots[left++] = slots[i];
      }
    }
    return left;
  }

  // ---- Slow paths of releasing ----

  // The block is marked already.
  [[gnu::noinline]] static void deallocate_slowly(void* block, size_t its_class,
                                                  CachedHeap& heap) noexcept {
    heap.push_slowly(block, static_cast<SizeClass>(its_class));
  }

  void push_slowly(void* block, SizeClass c) noexcept {
    if (!has_cache()) return Base::deallocate(unmarked(block, c));

    void* slots[2 * cache_options.batch + 1];
    size_t surplus = 0;
    Adopted adopted;
    Span* given = nullptr;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        const Magazine m = cache->magazine(c);
        if (m.is_full()) {
          surplus = cache->found_full(c, set_.budget, slots);
          if (m.is_full()) surplus += m.take(slots + surplus, TheCache::batch(c));
        }
        if (!m.push(block)) slots[surplus++] = block;  // no room for a single one
        if constexpr (owns_spans) {
          surplus = take_home(*cache, slots, surplus, given);
          if (cache->spans.may_own(c)) adopted.room = TheCache::Spans::batch;
        }
      } else {
        slots[surplus++] = block;
      }
    }
    note_room();
    if (given != nullptr) Base::take_back_spans(given);
    give_slots(slots, surplus, adopted);
    if (surplus != 0) Base::take_over_some();
  }

  // Whoever gives a magazine room says so: those of emptied caches have none, and what is put where
  // there is room is noted nowhere.
  void note_room() noexcept {
    if (!load_relaxed(&have_room_)) store_relaxed(&have_room_, true);
  }

  // From the heap.
  [[gnu::noinline]] void* allocate_alone(SizeClass c) noexcept {
    return by_all_means(options.span_size, [&] {
      this->pages_.lock_.lock();
      return Base::allocate_slot_locked(c, Insist::no);
    });
  }

  [[gnu::noinline]] void* allocate_pages(size_t size, size_t alignment, Fill fill) noexcept {
    if (size > max_object_bytes) return Base::allocate_large(size, alignment, fill);
    if (void* const block = allocate_run(size, alignment, fill)) return block;
    return by_all_means(size,
                        [&] { return Base::allocate_large(size, alignment, fill, Insist::no); });
  }

  // What lies in caches, before the user is asked for memory: `bytes`. And again after that: what
  // the user's handler releases goes to caches.
  template <class Allocate>
  void* by_all_means(size_t bytes, Allocate allocate) noexcept {
    do {
      if (void* const block = allocate()) [[likely]]
        return block;
      if (caches_may_help(bytes) && flush_all()) {
        if (void* const block = allocate()) return block;
      }
    } while (Base::ask_handler(bytes));
    LockGuard guard(this->pages_.lock_);
    this->pages_.give_up(guard);
    return nullptr;
  }

  // Whether `bytes` bytes may be had once there is nothing in caches any more. A slot may be all
  // that keeps its span, and a span its acquisition.
  [[gnu::noinline, gnu::cold]] bool caches_may_help(size_t bytes) noexcept {
    if (!may_hold_slots()) return false;
    LockGuard guard(this->pages_.lock_);
    return this->pages_.may_have(guard, bytes, this->pages_.runs_.acquired_pages() * page);
  }

  // False: all caches are as empty as flush_all() left them.
  bool may_hold_slots() noexcept {
    if (load_relaxed(&have_room_)) return true;
    const Visit visit(seats_);
    const TheCache* const cache = visit.cache();
    return cache != nullptr && !cache->is_empty();
  }

  [[gnu::noinline]] void* reallocate_to(void* block, size_t size, size_t alignment,
                                        SizeClass c) noexcept {
    if (const Span* const span = span_of_slot(block)) {
      refuse_if_recent(span, block);
      if (c != Classes::none) return move_to(block, span->size_class, size, alignment, c);
    }
    if constexpr (keeps_runs) {
      const Span* const run = c == Classes::none && alignment <= page ? live_run(block) : nullptr;
      if (run != nullptr && Base::has_length(run, Base::pages_for(size))) return block;
    }
    if (size > max_object_bytes) return Base::reallocate_to(block, size, alignment, c);
    const size_t bytes = c == Classes::none ? size : options.span_size;
    return by_all_means(bytes,
                        [&] { return Base::reallocate_to(block, size, alignment, c, Insist::no); });
  }

  // Both are of a bin.
  void* move_to(void* block, SizeClass from, size_t size, size_t alignment, SizeClass c) noexcept {
    if (from == c) return block;
    const size_t old_size = Classes::layout(from).size;
    void* copy;
    if (old_size < Classes::layout(c).size) {
      copy = allocate_slot(c);
      if (copy == nullptr) return nullptr;
    } else {
      copy = allocate_if_easy(c);
      // The heap knows what to do with a block that cannot even become smaller.
      if (copy == nullptr) return Base::reallocate(block, size, alignment);
    }
    __builtin_memcpy(copy, block, smaller(old_size, size));
    deallocate(block);
    return copy;
  }

  // Null: there is none at once.
  void* allocate_if_easy(SizeClass c) noexcept {
    void* slot = nullptr;
    bool has_spans = false;
    {
      const Visit visit(seats_);
      if (TheCache* const cache = visit.cache()) {
        slot = cache->magazine(c).pop();
        has_spans = owns_spans && cache->spans.may_own(c);
      }
    }
    if (slot == nullptr && has_spans) return allocate_from_spans(c, 1);
    if (slot == nullptr && Base::allocate_slots(c, &slot, 1) == 0) return nullptr;
    return unmarked(slot, c);
  }

  // ---- Between caches and heap ----

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
    Span* const span = head_of_slot(this->pages_.map().find(slot));
    const bool is_whole = Span::is_span(span->kind_without_lock()) &&
                          span->looks_free(slot, Base::offset_in_span(span, slot));
    raise(is_whole ? Fault::double_free : Fault::overwritten_link, slot);
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

  // A cache that is nobody's. Returns a slot that was not whole; null: there was none.
  [[nodiscard]] void* empty(TheCache& cache) noexcept {
    while (cache.spans.count() != 0) {
      Span* given = nullptr;
      cache.spans.give_up(TheCache::Spans::batch, given);
      Base::take_back_spans(given);
    }
    while (cache.runs.count() != 0) {
      Span* given = nullptr;
      cache.runs.give_up(TheCache::Runs::batch, given);
      Base::take_back_runs(given);
    }
    Adopted none;
    void* refused = nullptr;
    for (SizeClass c = 0; c < Classes::count; c++) {
      const Magazine m = cache.magazine(c);
      void* slots[cache_options.batch];
      while (const size_t count = m.take(slots, cache_options.batch)) {
        if (void* const slot = give_whole_slots(slots, count, none)) refused = slot;
      }
    }
    set_.return_borrowed(cache);
    cache.begin();
    return refused;
  }

  // The calling thread's was given back; and so was `unwanted` before, see CacheSet::give_back().
  void settle(TheCache* unwanted) noexcept {
    void* refused = nullptr;
    if (unwanted != nullptr) {
      refused = empty(*unwanted);
      set_.put_below(unwanted);
    }
    const bool is_quiet = !set_.has_many_owners();
    {
      LockGuard guard(this->pages_.lock_);
      this->pages_.settle(guard, is_quiet ? Others::idle : Others::at_work);
    }
    if (refused != nullptr) refuse(refused);
  }

  // For a scope, all caches are nobody's, and empty.
  class Emptied {
   public:
    explicit Emptied(CachedHeap& the_heap) noexcept
        : heap_(the_heap), caches_(the_heap.set_.take_all(the_heap.seats_)) {
      for (TheCache* cache = caches_; cache != nullptr; cache = cache->next) {
        any_ = !cache->is_empty() || any_;
        if (void* const slot = the_heap.empty(*cache)) refused_ = slot;
      }
    }
    ~Emptied() { heap_.set_.put_back_all(caches_); }
    Emptied(const Emptied&) = delete;
    Emptied& operator=(const Emptied&) = delete;

    bool any() const noexcept { return any_; }           // whether there was something in them
    void* refused() const noexcept { return refused_; }  // one that was not whole; or null

   private:
    CachedHeap& heap_;
    TheCache* const caches_;
    bool any_ = false;
    void* refused_ = nullptr;
  };

  [[gnu::cold]] size_t given_back() noexcept {
    LockGuard guard(this->pages_.lock_);
    return this->pages_.given_back_;
  }

  // True: there was something in the caches.
  [[gnu::noinline, gnu::cold]] bool flush_all() noexcept {
    if (!set_.is_made()) return false;
    bool any;
    void* refused;
    store_relaxed(&have_room_, false);
    {
      const Emptied emptied(*this);
      any = emptied.any();
      refused = emptied.refused();
    }
    if (refused != nullptr) refuse(refused);
    return any;
  }

  // While a region is being taken out, nobody has a cache, which would hand out again what comes
  // back of it. Another thread that has just taken out another one may have granted some meanwhile.
  [[gnu::cold]] void decide_on_claims() noexcept {
    const bool were_claimed = set_.decide_on_claims([&] {
      LockGuard held(this->pages_.lock_);
      for (const Span* a = this->pages_.runs_.acquisitions(); a != nullptr;
           a = a->next_acquisition) {
        if (Base::Runs::is_leaving(a)) return true;
      }
      return false;
    });
    if (were_claimed) flush_all();
  }

  // ---- Claiming ----

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
      auto& self = *static_cast<CachedHeap*>(the_heap);
      self.settle(self.set_.give_back(seat_of_thread));
    };
    if (seats_.at_thread_end(seat, end, this)) seat.membership = Seat::Membership::member;
  }

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
      memory = acquire_sparse(this->pages_.source_, bytes, page);
      if (memory != nullptr) break;
    }
    if (!is_aligned(memory, page)) raise(Fault::bad_pages, memory);
    if constexpr (!ZeroingSource<Pages>) __builtin_memset(memory, 0, bytes);
    const bool made = set_.make(static_cast<TheCache*>(memory), count, spans_of_caches());
    LockGuard guard(this->pages_.lock_);
    this->pages_.acquisitions_++;
    this->pages_.metadata_bytes_ += bytes;
    if (!made) {  // another thread was faster
      this->pages_.metadata_bytes_ -= bytes;
      this->pages_.release_or_keep(guard, memory, bytes);
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
      return !__builtin_mul_overflow(bytes, least_share, &all) &&
             this->pages_.source_.has_to_spare(all);
    } else {
      return true;
    }
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

// With Checks::full.
template <HeapConfig Config>
requires FullyChecked<Config>
class CachedHeap<Config> : public GuardedHeap<CachedHeap<UnderGuards<Config>>, Config> {
};

// The kind of heap that a configuration asks for.
template <HeapConfig Config>
struct HeapKind {
  using Type = Heap<Config>;
};
template <CachedConfig Config>
struct HeapKind<Config> {
  using Type = CachedHeap<Config>;
};
template <class Config>
using HeapOf = typename HeapKind<Config>::Type;

}  // namespace rsb
