// SPDX-License-Identifier: MIT OR Apache-2.0
// A thread's seat at a heap with caches: which cache it holds, and whether it is at work on it.
// And how a platform gives each thread a seat.
//
// Theory of operation. Only the thread itself touches its cache, between enter() and leave(), and
// neither is an atomic read-modify-write. Another thread that wants the cache takes it out of the
// seat, makes sure that this is seen (a heavy barrier), and waits until the thread is not inside.
// Whoever is inside saw the cache before; whoever comes later sees that it is gone. (The asymmetric
// form of Dekker's algorithm; Dice, Huang, Yang, "Asymmetric Dekker synchronization", 2001.)
#pragma once

#include "rsb/lock.hpp"

namespace rsb {

class Seat {
 public:
  constexpr Seat() noexcept = default;

  // ---- For the thread whose seat it is ----

  // The cache, which is this thread's until leave(); null: it has none. Light is the platform's
  // light_barrier().
  template <class Seats>
  [[gnu::always_inline]] void* enter() noexcept {
    store_relaxed(&doing_, inside);
    Seats::light_barrier();
    return cache();
  }
  [[gnu::always_inline]] void leave() noexcept { store_release(&doing_, active); }

  enum class Membership : uint8_t {
    none,    // has not asked for a cache yet
    apart,   // is to have none: while that is being arranged, and after the thread's end
    member,  // may claim a cache
  };
  Membership membership = Membership::none;

  // How often the thread shall do without before it asks for a cache again.
  uint16_t patience = 0;

  // ---- fork in a signal handler, which may have interrupted this thread anywhere ----

  // Nobody shall wait until the thread leaves: the handler waits for others.
  void stop() noexcept {
    if (stops_++ == 0 && doing() == inside) {
      was_inside_ = true;
      store_release(&doing_, stopped);
    }
  }
  void go_on() noexcept {
    if (--stops_ != 0 || !was_inside_) return;
    was_inside_ = false;
    store_relaxed(&doing_, inside);
  }

  // How this thread's forks, one in the handler of the other, found the set of caches.
  enum class ForkMode : uint8_t {
    nested = 0,    // in the hands of the fork that the handler interrupted
    locked = 1,    // and hold its lock now
    within = 2,    // at work on it was what the handler interrupted
    unlocked = 3,  // its lock could not be waited for
  };
  void begin_fork(ForkMode mode) noexcept { forks_ = forks_ << 2 | static_cast<uint32_t>(mode); }
  ForkMode end_fork() noexcept {
    const auto mode = static_cast<ForkMode>(forks_ & 3);
    forks_ >>= 2;
    return mode;
  }

  // ---- For the set of caches, under its lock ----

  void* cache() const noexcept { return load_acquire(&cache_); }
  void set_cache(void* cache) noexcept { store_release(&cache_, cache); }

  bool is_inside() const noexcept { return doing() == inside; }
  bool is_stopped() const noexcept { return doing() == stopped; }

  // Whether the thread has not been inside since this was last asked.
  bool is_idle() noexcept {
    // The thread's own stores come after this exchange or before it; none is lost.
    return compare_exchange(&doing_, active, idle) == idle;
  }

  // The thread is gone: this process is a fork of its.
  void lose_thread() noexcept { store_release(&doing_, stopped); }

 private:
  static constexpr uint32_t idle = 0;     // not inside since another thread looked
  static constexpr uint32_t inside = 1;   // between enter() and leave()
  static constexpr uint32_t active = 2;   // outside
  static constexpr uint32_t stopped = 3;  // inside, but in a signal handler that waits for others

  uint32_t doing() const noexcept { return load_acquire(&doing_); }

  void* cache_ = nullptr;
  uint32_t doing_ = idle;
  uint32_t forks_ = 0;
  uint8_t stops_ = 0;
  bool was_inside_ = false;
};

// What a thread's end calls, with what it was registered with: the thread gives its cache back.
using ThreadEnd = void (*)(void* heap, Seat& seat);

// How each thread comes to its seat.
//
// mine(): the calling thread's, or the calling core's where nobody can be moved to another core
//   between enter() and leave(), nor be interrupted by anybody who calls the same heap (but for its
//   _nowait functions); see PinnedSeats for where that has to be arranged. Begins as Seat{}.
// light_barrier(), heavy_barrier(): one thread stores a, calls light_barrier() and loads b; another
//   one stores b, calls heavy_barrier() and loads a: at least one of them sees what the other has
//   stored. heavy_barrier() returns false if it could not do its part. The light one is on the path
//   of every malloc and free.
// at_thread_end(seat, end, heap): arranges that end(heap, seat) is called when the thread of this
//   seat, the calling one, ends. False: that cannot be done, and the thread gets no cache. May
//   allocate from the heap.
// Wait: what a thread does that waits long for another, see BackOff.
// caches(): how many caches there shall be; the same each time.
template <class S>
concept Seats = requires(S seats, Seat& seat, ThreadEnd end, void* heap) {
  { S::Wait::wait(0u) }
  noexcept->SameAs<void>;
  { seats.mine() }
  noexcept->SameAs<Seat&>;
  { S::light_barrier() }
  noexcept->SameAs<void>;
  { S::heavy_barrier() }
  noexcept->SameAs<bool>;
  { seats.at_thread_end(seat, end, heap) }
  noexcept->SameAs<bool>;
  { seats.caches() }
  noexcept->SameAs<unsigned>;
};

// Optional: own() is for platforms on which a thread comes to a seat of its own only in time. Then
//   mine() may be one seat for all threads that have none, which is `apart`: they all enter and
//   leave it, and it never has a cache. own() is the calling thread's own, which it gets now; or
//   that shared one, if it can or shall get none. Called while the heap has no lock; may not
//   allocate from the heap.
//
// Optional: S::SetLock is the lock of the set of caches, if not the same type as the heap's.
//
// Optional: S::most_caches says at compile time how many caches there are; they then lie in the
// heap object. Otherwise their memory comes from the page source.
template <class S>
concept FixedSeats = Seats<S> && requires {
  requires S::most_caches != 0;
};

// Optional: seats of CPUs, between which threads move at any time, and which several threads use in
// turn. From pin() to unpin() the calling thread stays on its CPU, and no other one runs there:
// only so long is mine() its seat. SetLock pins its holder too. Both nest, and order the compiler's
// memory accesses. The heap is pinned for some 20 instructions at a time, or a batch; never while
// it waits for a lock, nor while the page source, the out-of-memory handler or rsb_fault() runs.
template <class S>
concept PinnedSeats = Seats<S> && Lock<typename S::SetLock> && requires(S seats) {
  { seats.pin() }
  noexcept->SameAs<void>;
  { seats.unpin() }
  noexcept->SameAs<void>;
};

// For a scope, mine() is the calling thread's seat.
template <Seats S>
class Pinned {
 public:
  [[gnu::always_inline]] explicit Pinned([[maybe_unused]] S& the_seats) noexcept
      : seats_(the_seats) {
    if constexpr (PinnedSeats<S>) seats_.pin();
  }
  [[gnu::always_inline]] ~Pinned() {
    if constexpr (PinnedSeats<S>) seats_.unpin();
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  S& seats_;
};

// One seat for each core. core() returns the calling core's number, below `cores`.
template <unsigned cores, class Core>
class SeatsOfCores {
 public:
  using Wait = KeepSpinning;

  Seat& mine() noexcept { return of(Core::core()); }
  Seat& of(unsigned core) noexcept { return seats_[core].seat; }
  static void light_barrier() noexcept { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
  static bool heavy_barrier() noexcept {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
  }
  bool at_thread_end(Seat&, ThreadEnd, void*) noexcept { return true; }  // cores do not end

 private:
  struct alignas(64) OwnLine {
    Seat seat;
  };
  OwnLine seats_[cores];
};

// And a cache for each: for bare metal, and for kernels that keep whoever calls the heap on its
// core.
template <unsigned cores, class Core>
class CoreSeats : public SeatsOfCores<cores, Core> {
 public:
  static constexpr unsigned most_caches = cores;
  unsigned caches() const noexcept { return cores; }
};

// What a kernel says of its CPUs. current_cpu(): the number of the CPU that runs this; called with
// preemption off only. disable_preemption(): until enable_preemption() is called as often, no other
// thread runs on this CPU, and this one on no other. Both are called with preemption off, too: by
// whoever allocates under a spinlock of the kernel.
template <class K>
concept PreemptibleCpus = requires {
  { K::current_cpu() }
  noexcept->SameAs<unsigned>;
  { K::disable_preemption() }
  noexcept->SameAs<void>;
  { K::enable_preemption() }
  noexcept->SameAs<void>;
};

// Optional: cpus() says how many CPUs this machine has or may come to have; the same each time. The
// memory of so many caches then comes from the page source, when one is first asked for; of less,
// where that much is not to be had. Called as the heap was.
template <class K>
concept CountedCpus = PreemptibleCpus<K> && requires {
  { K::cpus() }
  noexcept->SameAs<unsigned>;
};

template <unsigned most, PreemptibleCpus Kernel>
struct CpusOf {
  static unsigned core() noexcept { return Kernel::current_cpu(); }
  using AllSeats = CoreSeats<most, CpusOf>;
};
template <unsigned most, CountedCpus Kernel>
struct CpusOf<most, Kernel> {
  static unsigned core() noexcept { return Kernel::current_cpu(); }
  class AllSeats : public SeatsOfCores<most, CpusOf> {
   public:
    unsigned caches() const noexcept { return Kernel::cpus() < most ? Kernel::cpus() : most; }
  };
};

// One seat for each CPU of a preemptible kernel, whose numbers are below `cpus`, 64 bytes each; and
// as many caches, in the heap object, unless the kernel tells how many CPUs there are
// (CountedCpus). The heap may be called with preemption on or off; the page source is called as the
// heap was. The heap's lock must be one whose holder is not preempted, as SetLock or
// InterruptSpinLock: it is waited for with preemption off, too, on the holder's CPU perhaps.
//
// Interrupt handlers call functions named _nowait only, and so does who holds what a handler waits
// for (a spinlock taken with interrupts masked): a CPU whose caches are being seized is waited for,
// and may be in a handler. NMI, too: those functions know nothing of seats, and may come anywhere.
// Where the two hooks mask interrupts, nested, instead of preemption, both may call all functions.
//
// A CPU that goes offline keeps its cache until CachedHeap::give_back_cache(cpu).
//
// The barriers are full fences, one for each allocation and release. A kernel that can make all
// CPUs execute one (by an interrupt between CPUs) hides heavy_barrier() by that in a class derived
// from this one, and light_barrier() by a fence of the compiler.
template <unsigned cpus, PreemptibleCpus Kernel>
class CpuSeats : public CpusOf<cpus, Kernel>::AllSeats {
  struct Preemption {
    struct State {};
    static State mask() noexcept {
      pin();
      return {};
    }
    static void restore(State) noexcept { unpin(); }
  };

 public:
  // Who waits for it can be preempted; who holds it, cannot.
  using SetLock = InterruptSpinLock<Preemption>;

  [[gnu::always_inline]] static void pin() noexcept {
    Kernel::disable_preemption();
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  }
  [[gnu::always_inline]] static void unpin() noexcept {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    Kernel::enable_preemption();
  }
};

// For CpuSeats, in a kernel that counts no preemption, or whose handlers are to call all functions:
// masks this CPU's interrupts instead, nested. Cpu::core(): the number of the CPU that runs this,
// below `cpus`; called with interrupts masked.
//   using Seats = rsb::CpuSeats<4, rsb::MaskingCpus<4, rsb::CoreInterrupts, ThisCpu>>;
template <unsigned cpus, Interrupts TheInterrupts, class Cpu>
class MaskingCpus {
 public:
  static unsigned current_cpu() noexcept { return Cpu::core(); }

  static void disable_preemption() noexcept {
    const typename TheInterrupts::State before = TheInterrupts::mask();
    Nesting& own = nesting_[Cpu::core()];
    if (own.depth++ == 0) own.before = before;
  }
  static void enable_preemption() noexcept {
    Nesting& own = nesting_[Cpu::core()];
    if (--own.depth == 0) TheInterrupts::restore(own.before);
  }

 private:
  struct Nesting {
    unsigned depth = 0;
    typename TheInterrupts::State before{};
  };
  static inline constinit Nesting nesting_[cpus] = {};
};

// One thread on one core.
class OneSeat {
 public:
  using Wait = KeepSpinning;
  using SetLock = NoLock;
  static constexpr unsigned most_caches = 1;

  Seat& mine() noexcept { return seat_; }
  static void light_barrier() noexcept { __atomic_signal_fence(__ATOMIC_SEQ_CST); }
  static bool heavy_barrier() noexcept { return true; }
  bool at_thread_end(Seat&, ThreadEnd, void*) noexcept { return true; }
  unsigned caches() const noexcept { return 1; }

 private:
  Seat seat_;
};

}  // namespace rsb
