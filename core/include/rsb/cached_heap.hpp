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

#include "rsb/internal/cached_heap/cached_paths.hpp"

namespace rsb {

template <HeapConfig Config>
class CachedHeap : protected CachedPaths<Config> {
  using Base = CachedPaths<Config>;

 public:
  using Base::checked, Base::options, Base::page, Base::tells_makers;
  using typename Base::Classes, typename Base::Pages;

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

  [[gnu::always_inline]] void deallocate(void* block) noexcept { deallocate_block(block); }

  void deallocate(void* block, size_t size) noexcept {
    deallocate_sized(block, size, size <= Classes::largest ? Classes::of(size) : Classes::none);
  }

  void deallocate(void* block, size_t size, size_t alignment) noexcept {
    deallocate_sized(block, size, Classes::of(size, alignment));
  }

  using Base::expect_size;
  using Base::may_have_size;

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
  using Base::bytes_of_live;
  using Base::fault_without_run;
  using Base::is_large_block;
  using Base::lock;
  using Base::may_own;
  using Base::place_of;
  using Base::reaches_back;
  using Base::set_guarded;
  using typename Base::Guarded;

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
  [[gnu::cold]] void give_back_cache(unsigned cpu) noexcept requires
      PinnedSeats<typename Config::Seats> {
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
  // lock that a handler of that one may wait for must give that up before he asks again. A signal
  // handler may fork within all that, but for giving up the lock and after_fork_….
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

  using Base::allocate_pages, Base::allocate_slot, Base::deallocate_block, Base::deallocate_sized,
      Base::decide_on_claims, Base::flush_all, Base::given_back, Base::is_held_by_this_thread,
      Base::reallocate_to, Base::refuse_if_recent, Base::settle, Base::span_of_slot;
  using Base::seats_, Base::set_;
  using typename Base::TheSeats;
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
