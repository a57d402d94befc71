// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/small_heap.hpp: what a small heap turns to before an allocation fails, and what it says then.
#include "rsb/small_inspector.hpp"
#include "support/test.hpp"
#include "support/watched_lock.hpp"

using namespace rsb;
using support::opaque;

namespace {

alignas(16) char pools[3][4 * KiB];
char tiny[64];

unsigned regions_given;
unsigned exhausted_calls;

// Regions in a row, of which the second is too small. Asked under the lock.
struct Row : NoPages {
  Region next_region() noexcept {
    if (!support::WatchedLock::is_held()) abort();
    switch (regions_given) {
      case 0:
        return {pools[regions_given++], sizeof pools[0]};
      case 1:
        regions_given++;
        return {tiny, sizeof tiny};
      case 2:
      case 3:
        return {pools[regions_given++ - 1], sizeof pools[0]};
      default:
        return {};
    }
  }
};

struct Both {
  using Pages = Row;
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{};
  static void exhausted() noexcept {
    if (support::WatchedLock::is_held()) abort();
    exhausted_calls++;
  }
};

// One region, and its class has a state.
class One : public NoPages {
 public:
  Region next_region() noexcept {
    if (is_given_) return {};
    is_given_ = true;
    return {pools[0], sizeof pools[0]};
  }

 private:
  bool is_given_ = false;
};

struct PagesOnly {
  using Pages = One;
  using Lock = NoLock;
  static constexpr SmallOptions options{};
};

struct ExhaustedOnly {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{.checks = Checks::off, .deferred_batch = 2};
  static void exhausted() noexcept { Both::exhausted(); }
};

// Whenever it is given up, an interrupt comes.
struct InterruptedLock {
  void lock() noexcept {}
  void unlock() noexcept {
    if (on_unlock == nullptr) return;
    void (*const interrupt)() = on_unlock;
    on_unlock = nullptr;  // that does not interrupt itself
    interrupt();
    on_unlock = interrupt;
  }
  static inline void (*on_unlock)() = nullptr;
};

struct Interrupted {
  using Pages = One;
  using Lock = InterruptedLock;
  static constexpr SmallOptions options{.deferred_batch = 2};
};

SmallHeap<Interrupted>* interrupted;

template <class Config>
size_t failures_of(SmallHeap<Config>& heap) {
  return inspect(heap).stats().failures;
}

int handler_calls;
size_t handler_told;

// Gives up at its third call.
int count_calls(size_t bytes) {
  if (support::WatchedLock::is_held()) abort();
  handler_told = bytes;
  return ++handler_calls < 3;
}

void start_anew() {
  regions_given = exhausted_calls = 0;
  handler_calls = 0;
}

}  // namespace

TEST_CASE("a region is asked for when there is no memory, and not before") {
  start_anew();
  SmallHeap<Both> heap;
  CHECK(heap.allocate_nowait(10) == nullptr);
  CHECK(regions_given == 0);
  CHECK(heap.allocate(10) != nullptr);
  CHECK(regions_given == 1);
  CHECK(inspect(heap).stats().regions == 1);
  void* last = nullptr;
  while (regions_given == 1) last = heap.allocate(100);
  CHECK(bytes_from(pools[1], last) < sizeof pools[1]);  // the tiny one is passed over
  CHECK(regions_given == 3);
  CHECK(inspect(heap).stats().regions == 2);
  CHECK(exhausted_calls == 0);
  while (heap.allocate(100) != nullptr) {
  }
  CHECK(regions_given == 4);
  CHECK(exhausted_calls == 1);
  CHECK(failures_of(heap) == 1);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("so it is for each way to ask for memory") {
  for (int way = 0; way < 6; way++) {
    CAPTURE(way);
    start_anew();
    SmallHeap<Both> heap;
    void* const p = way == 0   ? heap.allocate(0)
                    : way == 1 ? heap.allocate(10, 1)
                    : way == 2 ? heap.allocate(10, 64)
                    : way == 3 ? heap.allocate(10, 64, Fill::zero)
                    : way == 4 ? heap.allocate_zeroed(10)
                               : heap.reallocate(nullptr, 10);
    CHECK(p != nullptr);
    CHECK(regions_given == 1);
  }
}

TEST_CASE("what is added by hand comes first") {
  start_anew();
  SmallHeap<Both> heap;
  REQUIRE(heap.add_region(pools[2], sizeof pools[2]) != 0);
  CHECK(bytes_from(pools[2], heap.allocate(10)) < sizeof pools[2]);
  CHECK(regions_given == 0);
}

TEST_CASE("the handler is asked without the lock until it gives up, and then it is a failure") {
  start_anew();
  SmallHeap<Both> heap;
  CHECK((heap.set_out_of_memory_handler(count_calls) == nullptr));
  CHECK(heap.allocate(opaque(SIZE_MAX)) == nullptr);
  CHECK(regions_given == 4);
  CHECK(handler_calls == 3);
  CHECK(handler_told == SIZE_MAX);
  CHECK(exhausted_calls == 1);
  CHECK((heap.set_out_of_memory_handler(nullptr) == count_calls));
  CHECK(heap.allocate(opaque(SIZE_MAX), 64) == nullptr);
  CHECK(handler_calls == 3);
  CHECK(exhausted_calls == 2);
  CHECK(failures_of(heap) == 2);
  CHECK(heap.allocate(8, 3) == nullptr);  // not for want of memory
  CHECK(exhausted_calls == 2);
}

TEST_CASE("a block that becomes smaller asks nobody") {
  start_anew();
  SmallHeap<Both> heap;
  support::drop(heap.allocate(opaque(SIZE_MAX)));  // takes all regions
  void* slot = nullptr;
  while (void* const p = heap.allocate(64)) slot = p;
  while (heap.allocate(1) != nullptr) {
  }
  exhausted_calls = 0;
  CHECK(heap.reallocate(slot, 8) == slot);
  CHECK(exhausted_calls == 0);
  CHECK(heap.reallocate(slot, 100) == nullptr);
  CHECK(exhausted_calls == 1);
  heap.deallocate(slot, 8);
}

TEST_CASE("what others have added or freed meanwhile is taken, and not missed") {
  SmallHeap<Interrupted> heap;
  interrupted = &heap;
  static size_t allocated;
  allocated = 0;
  InterruptedLock::on_unlock = [] { allocated += interrupted->allocate(50) != nullptr; };
  void* const first = heap.allocate(50);  // an interrupt is there first, and gets the region
  InterruptedLock::on_unlock = nullptr;
  CHECK(first != nullptr);
  CHECK(allocated > 0);
  void* last = nullptr;
  while (void* const p = heap.allocate(50)) last = p;
  static void* to_free;
  to_free = last;
  InterruptedLock::on_unlock = [] {
    interrupted->deallocate(to_free);
    to_free = nullptr;
  };
  CHECK(heap.allocate(50) == last);
  InterruptedLock::on_unlock = nullptr;
}

TEST_CASE("without exhausted() a heap fails in silence") {
  SmallHeap<PagesOnly> heap;
  CHECK(heap.allocate(1'000) != nullptr);
  CHECK(heap.allocate(1'000) != nullptr);
  CHECK(heap.allocate(4 * KiB) == nullptr);
  CHECK(failures_of(heap) == 1);
}

TEST_CASE("without Pages a heap has what it is given, and says when it has not") {
  start_anew();
  SmallHeap<ExhaustedOnly> heap;
  CHECK(heap.allocate(1) == nullptr);
  CHECK(exhausted_calls == 1);
  CHECK(heap.allocate(1, 64) == nullptr);
  CHECK(exhausted_calls == 2);
  REQUIRE(heap.add_region(pools[0], sizeof pools[0]) != 0);
  void* const p = heap.allocate(3'000);
  REQUIRE(p != nullptr);
  heap.deallocate_nowait(p);
  CHECK(heap.allocate(3'000) == p);  // taken over in time
  CHECK(exhausted_calls == 2);
  CHECK(heap.allocate(3'000) == nullptr);
  CHECK(exhausted_calls == 3);
}

TEST_CASE("trim takes over what was freed without waiting, and gives nothing back") {
  SmallHeap<ExhaustedOnly> heap;
  REQUIRE(heap.add_region(pools[0], sizeof pools[0]) != 0);
  void* blocks[20];
  for (void*& p : blocks) p = heap.allocate(50);
  for (void* const p : blocks) heap.deallocate_nowait(p);
  CHECK(inspect(heap).stats().deferred_blocks == 20);
  void* const aligned = heap.allocate(10, 64);  // there is memory, so it takes over one batch
  CHECK(inspect(heap).stats().deferred_blocks == 18);
  heap.deallocate(aligned);
  CHECK(heap.trim() == 0);
  CHECK(inspect(heap).stats().live_blocks == 0);
  SmallHeap<PagesOnly> other;
  CHECK(other.trim() == 0);
}
