// SPDX-License-Identifier: MIT OR Apache-2.0
// Caches of CPUs, rsb::CpuSeats, in a preemptible kernel: threads in the place of its tasks, fewer
// CPUs than tasks, and a task that moves to another CPU whenever it can be preempted.
#include <setjmp.h>

#include <mutex>

#include "threads/heaps_hosted.hpp"
#include "threads/stress.hpp"

namespace {

constexpr unsigned cpus = 3;

// Preemption is off while a task has its CPU's mutex: so nobody else gets in between.
struct Scheduler {
  static unsigned current_cpu() noexcept {
    if (depth == 0) complain("current_cpu() is asked for with preemption on");
    return cpu;
  }
  static void disable_preemption() noexcept {
    if (depth++ == 0) cpu_is_busy[cpu].lock();
  }
  static void enable_preemption() noexcept {
    if (--depth != 0) return;
    cpu_is_busy[cpu].unlock();
    seed = seed * 1664525 + 1013904223;
    cpu = (seed >> 16) % cpus;
  }

  // On, or off as the heap's caller has it.
  static void expect_preemption(const char* sentence) noexcept {
    if (depth != callers_depth) complain(sentence);
  }
  static void complain(const char* sentence) noexcept { complaint = sentence; }

  static inline std::mutex cpu_is_busy[cpus];
  static inline thread_local unsigned depth = 0;
  static inline thread_local unsigned callers_depth = 0;
  static inline thread_local unsigned cpu = 0;
  static inline thread_local unsigned seed =
      static_cast<unsigned>(reinterpret_cast<uintptr_t>(&cpu));
  static inline std::atomic<const char*> complaint{nullptr};
};

// What a kernel's page source may do, waiting for memory, needs preemption.
struct SleepingPages {
  rsb::platform::Pages pages;
  void* acquire(size_t bytes, size_t alignment) noexcept {
    Scheduler::expect_preemption("acquire() is called with preemption off");
    return pages.acquire(bytes, alignment);
  }
  bool release(void* base, size_t bytes) noexcept {
    Scheduler::expect_preemption("release() is called with preemption off");
    return pages.release(base, bytes);
  }
};

// The lock may be waited for: that is done with preemption on, but while statistics are made.
struct HeapLock : rsb::BasicSpinLock<rsb::platform::YieldThenSleep> {
  void lock() noexcept {
    if (!looks) Scheduler::expect_preemption("the heap's lock is taken with preemption off");
    BasicSpinLock::lock();
  }
  bool try_lock() noexcept {
    if (!looks) Scheduler::expect_preemption("the heap's lock is taken with preemption off");
    return BasicSpinLock::try_lock();
  }
  static inline thread_local bool looks = false;
};

struct Kernel {
  using Pages = SleepingPages;
  using Lock = HeapLock;
  using Seats = rsb::CpuSeats<cpus, Scheduler>;
  static constexpr rsb::Options options = threads::Restless::options;
  static constexpr rsb::CacheOptions caches{.bytes = 16 * rsb::KiB,
                                            .most_bytes = 32 * rsb::KiB,
                                            .run_bytes = 48 * rsb::KiB,
                                            .magazine = 32,
                                            .batch = 8,
                                            .batch_bytes = 1 * rsb::KiB};
};

// Memory is short all the time.
struct PoolKernel : threads::Pool {
  using Lock = HeapLock;
  using Seats = Kernel::Seats;
  static constexpr rsb::CacheOptions caches = Kernel::caches;
};

// With a cache for each CPU but one, in memory that the page source gives.
struct CountedScheduler : Scheduler {
  static unsigned cpus() noexcept { return caches; }
  static constexpr unsigned caches = ::cpus - 1;
};
struct CountedKernel : Kernel {
  using Seats = rsb::CpuSeats<cpus, CountedScheduler>;
};

// For a scope, a task turns preemption off, as one does that takes a spinlock of the kernel's.
class On {
 public:
  explicit On(unsigned cpu) {
    Scheduler::cpu = cpu;
    Scheduler::disable_preemption();
    Scheduler::callers_depth++;
  }
  ~On() {
    Scheduler::callers_depth--;
    Scheduler::enable_preemption();
  }
};

// After each call preemption is as it was before.
class Call {
 public:
  ~Call() {
    if (Scheduler::depth != depth_) Scheduler::complain("preemption is not as it was before");
  }

 private:
  const unsigned depth_ = Scheduler::depth;
};

template <class Config>
struct Kernels : threads::Own<Config> {
  using Own = threads::Own<Config>;
  using Own::heap;

  static void* allocate(size_t size) {
    const Call call;
    return Own::allocate(size);
  }
  static void* allocate_zeroed(size_t size) {
    const Call call;
    return Own::allocate_zeroed(size);
  }
  static void* reallocate(void* block, size_t size) {
    const Call call;
    return Own::reallocate(block, size);
  }
  static void deallocate(void* block) {
    const Call call;
    if (Scheduler::seed % 8 != 0) return Own::deallocate(block);
    const On on(Scheduler::cpu);
    Own::deallocate(block);
  }
  static size_t usable_size(void* block) {
    const Call call;
    return Own::usable_size(block);
  }
  static size_t trim() {
    const Call call;
    return Own::trim();
  }
  static const char* check() {
    const Call call;
    if (Scheduler::complaint != nullptr) return Scheduler::complaint;
    return Own::check();
  }
  static rsb_stats stats() {
    const Call call;
    HeapLock::looks = true;
    const rsb_stats stats = Own::stats();
    HeapLock::looks = false;
    return stats;
  }
};

using Heaps = Kernels<Kernel>;
using Counted = Kernels<CountedKernel>;
using Pools = Kernels<PoolKernel>;

// By allocating more often than a seat's patience lasts.
template <class TheHeaps = Heaps>
void give_this_cpu_a_cache() {
  for (unsigned i = 0; i < 1'000; i++) TheHeaps::heap.deallocate(TheHeaps::heap.allocate(64));
}

jmp_buf after_fault;

[[gnu::noinline]] void ask(void* block) {
  (void)Heaps::heap.usable_size(block);
}

// The fault of asking for the size of a block.
[[gnu::noinline]] int fault_of_asking(void* block) {
  const int fault = setjmp(after_fault);
  if (fault == 0) ask(block);
  return fault;
}

}  // namespace

extern "C" void rsb_fault(rsb_fault_kind kind, const void*) {
  Scheduler::expect_preemption("rsb_fault() is called with preemption off");
  longjmp(after_fault, kind);
}

TEST_CASE("blocks of all sizes wander between tasks that move from CPU to CPU") {
  threads::let_wander<Heaps>(5, 18);
  CHECK(Heaps::check() == nullptr);
}

TEST_CASE("small blocks wander between tasks that move from CPU to CPU") {
  threads::let_wander<Heaps>(6, 9);
  CHECK(Heaps::check() == nullptr);
}

TEST_CASE("a kernel may have as many caches as there turn out to be CPUs") {
  using Seats = CountedKernel::Seats;
  static_assert(rsb::PinnedSeats<Seats> && !rsb::FixedSeats<Seats>);
  CHECK(sizeof(Counted::heap) + 8'192 < sizeof(Heaps::heap));
  give_this_cpu_a_cache<Counted>();
  CHECK(Counted::stats().cached_bytes != 0);
  const size_t first = Counted::stats().metadata_bytes;
  threads::let_wander<Counted>(5, 9);
  CHECK(Counted::check() == nullptr);
  CHECK(first >= CountedScheduler::caches * (sizeof(Heaps::heap) - sizeof(Counted::heap)) / cpus);
  for (unsigned cpu = 0; cpu < cpus; cpu++) Counted::heap.give_back_cache(cpu);
  threads::expect_nothing_left<Counted>();
}

TEST_CASE("tasks that move from CPU to CPU run out of memory, and get what lies in any cache") {
  static std::atomic<unsigned> calls;
  static std::atomic<void*> spares[64];
  Pools::heap.set_out_of_memory_handler([](size_t) {
    Scheduler::expect_preemption("the out-of-memory handler is called with preemption off");
    calls++;
    for (std::atomic<void*>& spare : spares) {
      if (void* const block = spare.exchange(nullptr)) return Pools::deallocate(block), 1;
    }
    return 0;
  });
  support::parallel(4, [&](unsigned me) {
    threads::Random random(me + 1);
    void* first = nullptr;  // of a list
    for (unsigned round = 0; round < 3; round++) {
      while (void* const block = Pools::allocate(3'000 + random.below(1'000))) {
        *static_cast<void**>(block) = first;
        first = block;
        if (random.below(16) == 0) {
          Pools::deallocate(spares[random.below(64)].exchange(Pools::allocate(512)));
        }
      }
      while (first != nullptr) {
        void* const block = first;
        first = *static_cast<void**>(block);
        Pools::deallocate(block);
      }
    }
  });
  CHECK(calls != 0);
  for (std::atomic<void*>& spare : spares) Pools::deallocate(spare.exchange(nullptr));
  CHECK(Pools::check() == nullptr);
  threads::expect_nothing_left<Pools>();
  Pools::heap.set_out_of_memory_handler(nullptr);
}

TEST_CASE("what the out-of-memory handler releases meets the request, on whatever CPU") {
  static void* spare;
  Pools::heap.set_out_of_memory_handler([](size_t) {
    if (spare == nullptr) return 0;
    Pools::deallocate(spare);
    spare = nullptr;
    return 1;
  });
  spare = Pools::allocate(600);
  void* first = nullptr;
  bool was_met = false;
  while (void* const block = Pools::allocate(600)) {
    was_met = was_met || spare == nullptr;
    *static_cast<void**>(block) = first;
    first = block;
  }
  CHECK(spare == nullptr);
  CHECK(was_met);
  while (first != nullptr) {
    void* const block = first;
    first = *static_cast<void**>(block);
    Pools::deallocate(block);
  }
  Pools::heap.set_out_of_memory_handler(nullptr);
  threads::expect_nothing_left<Pools>();
}

TEST_CASE("a fault is raised with preemption on") {
  void* block;
  {
    const On on(0);
    give_this_cpu_a_cache();
    block = Heaps::heap.allocate(64);
    Heaps::heap.deallocate(block);
  }
  Scheduler::cpu = 0;
  CHECK(fault_of_asking(block) == RSB_DOUBLE_FREE);
  CHECK(Heaps::check() == nullptr);
}

TEST_CASE("a CPU that goes offline leaves its cache to another one") {
  for (unsigned cpu = 0; cpu < cpus; cpu++) {
    const On on(cpu);
    give_this_cpu_a_cache();
  }
  const size_t cached = Heaps::stats().cached_bytes;
  CHECK(cached != 0);
  for (unsigned cpu = 0; cpu < cpus; cpu++) Heaps::heap.give_back_cache(cpu);
  CHECK(Heaps::stats().cached_bytes == cached);
  threads::expect_nothing_left<Heaps>();
}

TEST_CASE("caches may be taken from CPUs that are at work") {
  std::atomic<bool> end{false};
  std::jthread taker([&] {
    for (unsigned i = 0; !end; i++) Heaps::heap.give_back_cache(i % cpus);
  });
  threads::let_wander<Heaps>(4, 9);
  end = true;
  taker.join();
  CHECK(Heaps::check() == nullptr);
}
