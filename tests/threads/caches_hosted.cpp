// SPDX-License-Identifier: MIT OR Apache-2.0
// Heaps with caches, rsb/cached_heap.hpp: more threads than caches, threads that come and go, and
// caches that pass from one thread to another.
#include "threads/stress.hpp"

#include <pthread.h>

#include <mutex>

#include "rsb/cached_inspector.hpp"
#include "rsb/thread_seats.hpp"
#include "threads/heaps_hosted.hpp"

using threads::Tally;

namespace {

// Counts how often it is taken: what a cache serves takes no lock.
class CountingLock : public rsb::platform::Lock {
 public:
  void lock() noexcept {
    taken.fetch_add(1, std::memory_order_relaxed);
    rsb::platform::Lock::lock();
  }
  bool try_lock() noexcept {
    taken.fetch_add(1, std::memory_order_relaxed);
    return rsb::platform::Lock::try_lock();
  }
  static inline std::atomic<size_t> taken{0};
};

// Two caches, whatever the machine.
struct TwoSeats : rsb::platform::ThreadSeats<TwoSeats> {
  static unsigned caches() noexcept { return 2; }
};
struct Crowded {
  using Pages = rsb::platform::Pages;
  using Lock = CountingLock;
  using Seats = TwoSeats;
  static constexpr rsb::Options options{};
};

// Caches that are always full or empty, and a source that is called all the time.
struct NarrowSeats : rsb::platform::ThreadSeats<NarrowSeats> {
  static unsigned caches() noexcept { return 3; }
};
struct Narrow {
  using Pages = rsb::platform::Pages;
  using Lock = rsb::platform::Lock;
  using Seats = NarrowSeats;
  static constexpr rsb::Options options = threads::Restless::options;
  static constexpr rsb::CacheOptions caches{.bytes = 4 * rsb::KiB,
                                            .most_bytes = 8 * rsb::KiB,
                                            .run_bytes = 48 * rsb::KiB,
                                            .magazine = 16,
                                            .batch = 4,
                                            .batch_bytes = 512};
};

// Small magazines, so that what matters are the spans that caches own, and small spans.
constexpr rsb::Options of_small_spans() {
  rsb::Options o = threads::Restless::options;
  o.span_size = 4 * rsb::KiB;
  return o;
}
struct Owning : Narrow {
  static constexpr rsb::Options options = of_small_spans();
  static constexpr rsb::CacheOptions caches{.bytes = 128 * rsb::KiB,
                                            .most_bytes = 256 * rsb::KiB,
                                            .magazine = 8,
                                            .batch = 4,
                                            .batch_bytes = 512};
};

// As where no thread can be told of what another one has stored: nobody's cache can be taken.
struct DeafSeats : rsb::platform::ThreadSeats<DeafSeats> {
  static unsigned caches() noexcept { return 3; }
  static bool heavy_barrier() noexcept { return false; }
};
struct Deaf : Narrow {
  using Seats = DeafSeats;
};

// A pool has nowhere to acquire caches from: they lie in the heap object.
struct PoolSeats : rsb::platform::ThreadSeats<PoolSeats> {
  static constexpr unsigned most_caches = 3;
  static unsigned caches() noexcept { return most_caches; }
};
struct CachedPool : threads::Pool {
  using Seats = PoolSeats;
};

// Around fork: one of three threads has no cache.
struct ForkSeats : rsb::platform::ThreadSeats<ForkSeats> {
  static unsigned caches() noexcept { return 2; }
};
struct Forking {
  using Pages = rsb::platform::Pages;
  using Lock = rsb::platform::Lock;
  using Seats = ForkSeats;
  static constexpr rsb::Options options{};
};

using Heaps = threads::Own<Crowded>;

// How many times the lock was taken while f ran.
template <class F>
size_t locks_of(F f) {
  const size_t before = CountingLock::taken;
  f();
  return CountingLock::taken - before;
}

void allocate_and_release(unsigned times) {
  for (unsigned i = 0; i < times; i++) {
    void* const block = Heaps::allocate(64);
    threads::write(block, 64, static_cast<unsigned char>(i));
    Heaps::deallocate(block);
  }
}

// Threads that hold a cache and do nothing with it until they are told to go on.
class IdleHolders {
 public:
  explicit IdleHolders(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
      threads_.emplace_back([this] {
        allocate_and_release(1);
        idle_++;
        while (!go_on_) support::rest();
        allocate_and_release(10'000);
        idle_--;
        while (!end_) support::rest();
      });
    }
    while (idle_ != count) support::yield();
  }
  void go_on() {
    go_on_ = true;
    while (idle_ != 0) support::yield();
  }
  ~IdleHolders() {
    go_on_ = true;
    end_ = true;
  }

 private:
  std::atomic<unsigned> idle_{0};
  std::atomic<bool> go_on_{false};
  std::atomic<bool> end_{false};
  std::vector<std::jthread> threads_;
};

}  // namespace

TEST_CASE_TEMPLATE("blocks of all sizes wander between more threads than there are caches", Heap,
                   threads::Own<Crowded>, threads::Own<Narrow>, threads::Own<Owning>,
                   threads::Own<Deaf>, threads::Own<CachedPool>) {
  threads::let_wander<Heap>(4, 18);
}

TEST_CASE_TEMPLATE("small blocks wander between more threads than there are caches", Heap,
                   threads::Own<Crowded>, threads::Own<Narrow>, threads::Own<Owning>) {
  threads::let_wander<Heap>(5, 9);
}

TEST_CASE_TEMPLATE("with caches, one thread allocates what another one frees", Heap,
                   threads::Own<Crowded>, threads::Own<Narrow>, threads::Own<Owning>) {
  threads::pass_on<Heap>();
}

TEST_CASE_TEMPLATE("with caches, blocks outlive the threads that allocated them", Heap,
                   threads::Own<Crowded>, threads::Own<Narrow>, threads::Own<Owning>) {
  threads::outlive<Heap>();
}

TEST_CASE("a thread with a cache takes no lock") {
  std::jthread([] {
    allocate_and_release(1);
    CHECK(locks_of([] { allocate_and_release(10'000); }) == 0);
  }).join();
  threads::expect_nothing_left<Heaps>();
}

TEST_CASE("of caches whose threads have ended, only the last one keeps what is in it") {
  std::atomic<unsigned> done{0};
  const auto work = [&](unsigned threads) {
    void* blocks[50];
    for (void*& block : blocks) block = Heaps::allocate(64);
    for (void* const block : blocks) Heaps::deallocate(block);
    done++;
    while (done != threads) support::yield();  // each has a cache of its own
  };
  std::jthread(work, 1).join();
  const size_t in_one = Heaps::stats().cached_blocks;
  CHECK(in_one != 0);
  threads::expect_nothing_left<Heaps>();  // empties the caches
  done = 0;
  {
    const std::jthread first(work, 2);
    const std::jthread second(work, 2);
  }
  // Less by one if the last one found the span that the other one had made.
  const size_t left = Heaps::stats().cached_blocks;
  CHECK(left <= in_one);
  CHECK(left + 1 >= in_one);
  threads::expect_nothing_left<Heaps>();
}

// A thread that comes and goes.
void use(size_t bytes) {
  std::jthread([=] {
    Heaps::deallocate(Heaps::allocate(100));
    Heaps::deallocate(Heaps::allocate(bytes));
  }).join();
}

TEST_CASE("once a crowd of threads has ended, free pages hold little memory") {
  constexpr unsigned count = 50;
  std::atomic<unsigned> ready{0};
  {
    std::vector<std::jthread> crowd;
    for (unsigned i = 0; i < count; i++) {
      crowd.emplace_back([&, i] {
        std::vector<void*> blocks(1'000);
        for (size_t k = 0; k < blocks.size(); k++) {
          blocks[k] = Heaps::allocate(1 + (i * 37 + k * 91) % 3'000);
        }
        ready++;
        while (ready != count) support::yield();
        for (void* const block : blocks) Heaps::deallocate(block);
      });
    }
  }
  for (unsigned i = 0; i < 250; i++) use(100);
  const rsb_stats stats = Heaps::stats();
  CHECK(stats.peak_used_bytes > 64 * rsb::MiB);
  CHECK(stats.kept_bytes <=
        2 * rsb::larger(stats.used_bytes, size_t{Crowded::options.keep_free / 16}));
  threads::expect_nothing_left<Heaps>();
}

TEST_CASE("what threads use one after the other stays in memory, until they use less") {
  constexpr size_t much = 8 * rsb::MiB;
  for (unsigned i = 0; i < 20; i++) {
    use(much);
    CHECK(Heaps::stats().kept_bytes >= much);
  }
  for (unsigned i = 0; i < 250; i++) use(100);
  CHECK(Heaps::stats().kept_bytes <= Crowded::options.keep_free / 16);
  threads::expect_nothing_left<Heaps>();
}

TEST_CASE("threads come and go by the thousand, and leave nothing behind") {
  std::vector<std::atomic<void*>> left(64);
  const auto live = [&](unsigned me) {
    for (unsigned i = 0; i < 20; i++) {
      void* const block = Heaps::allocate(8 + (me * 37 + i * 91) % 3'000);
      Heaps::deallocate(left[(me + i) % left.size()].exchange(block));
    }
  };
  std::vector<std::jthread> generation;
  for (unsigned i = 0; i < 2'000; i++) {
    generation.emplace_back(live, i);
    if (generation.size() == 8) generation.clear();
  }
  generation.clear();
  const rsb_stats stats = Heaps::stats();
  CHECK(stats.cached_bytes <= 2 * rsb::CacheOptions{}.bytes);
  for (std::atomic<void*>& block : left) Heaps::deallocate(block);
  threads::expect_nothing_left<Heaps>();
}

TEST_CASE("a thread that ends gives its cache to the next one") {
  for (unsigned i = 0; i < 10; i++) {
    size_t locks = 0;
    std::jthread([&] {
      allocate_and_release(1);
      locks = locks_of([] { allocate_and_release(1'000); });
    }).join();
    CHECK(locks == 0);
  }
  threads::expect_nothing_left<Heaps>();
}

TEST_CASE("idle holders lose their caches to an active thread, and come by others later") {
  IdleHolders idle(2);
  std::jthread([] {
    allocate_and_release(1);
    CHECK(locks_of([] { allocate_and_release(100); }) >= 100);
    allocate_and_release(4'000);
    CHECK(locks_of([] { allocate_and_release(1'000); }) == 0);
  }).join();
  idle.go_on();
  threads::expect_nothing_left<Heaps>();
}

TEST_CASE("holders that are at work keep their caches") {
  std::atomic<bool> end{false};
  std::atomic<unsigned> ready{0};
  std::atomic<unsigned> without_lock{0};
  {
    std::vector<std::jthread> holders;
    for (unsigned i = 0; i < 2; i++) {
      holders.emplace_back([&] {
        allocate_and_release(1);
        ready++;
        while (!end) allocate_and_release(10);
      });
    }
    while (ready != 2) support::yield();
    allocate_and_release(1);
    for (unsigned i = 0; i < 20; i++) {
      without_lock += locks_of([] { allocate_and_release(100); }) == 0;
      support::yield();
    }
    end = true;
  }
  threads::expect_nothing_left<Heaps>();
}

namespace {

// Of the one thread that runs. They are not thread_local: mingw-w64 releases the memory of what is
// before its destructors run, and before the second round of keys' destructors.
unsigned rounds_of_key = 0;
void* block_of_destructor = nullptr;
unsigned released_at_end = 0;

// A cache that a thread still has at its end is nobody's ever after.
using Unforgiving = threads::Own<Deaf>;

void release_at_end(void* block) {
  Unforgiving::deallocate(block);
  Unforgiving::deallocate(Unforgiving::allocate(100));
  released_at_end++;
}

struct AtEnd {
  ~AtEnd() { release_at_end(block_of_destructor); }
};

}  // namespace

TEST_CASE("a thread may release and allocate in its own exit hooks, early and late ones") {
  static pthread_key_t late;
  const int create = pthread_key_create(&late, [](void* block) {
    // In the round after that in which POSIX threads give their cache back.
    if (++rounds_of_key == 1) {
      pthread_setspecific(late, block);
    } else {
      release_at_end(block);
    }
  });
  REQUIRE(create == 0);
  constexpr unsigned count = 50;
  released_at_end = 0;
  for (unsigned i = 0; i < count; i++) {
    rounds_of_key = 0;
    block_of_destructor = Unforgiving::allocate(64);
    std::jthread([] {
      thread_local const AtEnd early;
      pthread_setspecific(late, Unforgiving::allocate(64));
    }).join();
    CHECK(rounds_of_key == 2);
  }
  pthread_key_delete(late);
  CHECK(released_at_end == 2 * count);
  std::jthread([] {
    Unforgiving::deallocate(Unforgiving::allocate(64));
    CHECK(DeafSeats::mine().cache() != nullptr);
  }).join();
  threads::expect_nothing_left<Unforgiving>();
}

TEST_CASE("threads that allocate once and sleep hold little") {
  constexpr unsigned count = 200;
  std::atomic<bool> end{false};
  std::atomic<unsigned> asleep{0};
  std::vector<std::jthread> sleepers;
  for (unsigned i = 0; i < count; i++) {
    sleepers.emplace_back([&, i] {
      void* const block = Heaps::allocate(1 + i * 40);
      asleep++;
      while (!end) support::rest();
      Heaps::deallocate(block);
    });
  }
  while (asleep != count) support::yield();
  const rsb_stats stats = Heaps::stats();
  CHECK(stats.live_blocks == count);
  CHECK(stats.cached_bytes <= 1 * rsb::MiB);
  end = true;
  sleepers.clear();
  threads::expect_nothing_left<Heaps>();
}

TEST_CASE("an allocation gets what lies in the caches of idle threads") {
  using Pool = threads::Own<CachedPool>;
  std::atomic<bool> end{false};
  std::atomic<bool> ready{false};
  std::jthread holder([&] {
    for (int round = 0; round < 5; round++) {  // so that its magazines grow
      void* blocks[100];
      for (void*& block : blocks) block = Pool::allocate(1024);
      for (void* block : blocks) Pool::deallocate(block);
    }
    ready = true;
    while (!end) support::rest();
  });
  while (!ready) support::yield();
  CHECK(Pool::stats().cached_bytes > 0);
  const size_t cached = Pool::stats().cached_bytes;
  void* first = nullptr;  // of a list
  size_t count = 0;
  while (void* const block = Pool::allocate(512)) {
    *static_cast<void**>(block) = first;
    first = block;
    count++;
  }
  CHECK(cached > 512);
  CHECK(Pool::stats().cached_bytes == 0);
  CHECK(Pool::stats().live_blocks == count);
  while (first != nullptr) {
    void* const block = first;
    first = *static_cast<void**>(block);
    Pool::deallocate(block);
  }
  end = true;
  holder.join();
  threads::expect_nothing_left<Pool>();
}

TEST_CASE("two threads add and remove regions while others allocate") {
  using Heap = threads::Own<Narrow>;
  alignas(4096) static char memory[2][128 * rsb::KiB];
  std::atomic<bool> end{false};
  std::vector<std::jthread> workers;
  for (unsigned i = 0; i < 2; i++) {
    workers.emplace_back([&, i] {
      for (unsigned n = i; !end; n++) Heap::deallocate(Heap::allocate(1 + n * 997 % 40'000));
    });
  }
  std::vector<std::jthread> movers;
  for (auto& region : memory) {
    movers.emplace_back([&region] {
      for (int round = 0; round < 100; round++) {
        CHECK(Heap::heap.add_region(region, sizeof region) == sizeof region);
        support::yield();
        while (Heap::heap.remove_region(region, sizeof region) == 0) support::yield();
      }
    });
  }
  movers.clear();
  end = true;
  workers.clear();
  std::jthread([] {
    Heap::deallocate(Heap::allocate(64));
    CHECK(NarrowSeats::mine().cache() != nullptr);
  }).join();
  threads::expect_nothing_left<Heap>();
}

#if !defined(_WIN32)  // where processes do not fork, and locks do not know of it
TEST_CASE("a thread that forks may call the heap meanwhile, while others wait") {
  static constinit rsb::CachedHeap<Forking> heap;
  const auto work = [] {
    for (size_t size = 1; size < 100'000; size *= 2) {
      void* blocks[20];
      for (void*& block : blocks) block = heap.allocate(size);
      for (void* block : blocks) heap.deallocate(block);
    }
  };
  std::atomic<bool> end{false};
  std::atomic<unsigned> rounds{0};
  std::vector<std::jthread> others;
  for (int i = 0; i < 2; i++) {
    others.emplace_back([&] {
      while (!end) {
        work();
        rounds++;
      }
    });
  }
  for (int i = 0; i < 20; i++) {
    for (const unsigned before = rounds; rounds < before + 5;) support::rest();
    if (i % 2 != 0) work();
    const auto prepare = [&] {
      heap.begin_fork();
      while (!heap.before_fork()) support::yield();
      heap.lock().lock_for_fork();
    };
    const auto go_on = [&] {
      heap.lock().unlock_in_parent();
      heap.after_fork_in_parent();
      heap.end_fork();
    };
    prepare();
    const unsigned at_fork = rounds;
    work();
    CHECK(rsb::CachedHeapInspector<Forking>(heap).check() == nullptr);
    prepare();  // a signal handler's
    go_on();
    if (i % 4 == 0) (void)heap.trim();
    work();
    // A round takes the heap's lock; who was behind that may have counted his.
    CHECK(rounds <= at_fork + 2);
    go_on();
  }
  end = true;
  others.clear();
  (void)heap.trim();
  CHECK(rsb::CachedHeapInspector<Forking>(heap).check() == nullptr);
  CHECK(rsb::CachedHeapInspector<Forking>(heap).stats().live_blocks == 0);
}
#endif
