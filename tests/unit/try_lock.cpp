// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/lock.hpp: locks that are registers, without threads: those are in tests/threads.
#include "rsb/inspector.hpp"
#include "rsb/lock.hpp"
#include "rsb/page_source.hpp"
#include "rsb/small_inspector.hpp"
#include "support/masked.hpp"
#include "support/test.hpp"

using namespace rsb;
using support::Masked;
using support::Waiting;

namespace {

template <unsigned number>
struct Register {
  static inline constinit bool taken = false;
  static inline constinit unsigned times_taken = 0;
  static inline constinit int level_inside = 0;

  static bool try_take() noexcept {
    if (taken) return false;
    taken = true;
    times_taken++;
    return true;
  }
  static void give_back() noexcept {
    level_inside = Masked::level;
    taken = false;
  }
};
using Heaps = Register<0>;
using Pushes = Register<1>;
using RegistersOfHeap = InterruptTryLock<Masked, Heaps, Pushes, Waiting>;

struct General {
  using Pages = NoPages;
  using Lock = RegistersOfHeap;
  static constexpr Options options{
      .page_size = 1 * KiB,
      .span_size = 4 * KiB,
      .acquire_size = 4 * KiB,
      .acquire_alignment = 1 * KiB,
      .discard_size = 1 * KiB,
      .map = Map::flat,
  };
};
struct Small {
  using Lock = RegistersOfHeap;
  static constexpr SmallOptions options{.deferred_batch = 2};
};
HeapInspector<General> inspector_of(Heap<General>& heap) {
  return HeapInspector<General>(heap);
}
SmallHeapInspector<Small> inspector_of(SmallHeap<Small>& heap) {
  return SmallHeapInspector<Small>(heap);
}

alignas(1 * KiB) char memory[64 * KiB];

struct NoFunctions {};
struct MayThrow {
  static bool try_take() { return true; }
  static void give_back() noexcept {}
};

}  // namespace

TEST_CASE("a register is what is tried and given back without throwing") {
  CHECK(LockRegister<Heaps>);
  CHECK_FALSE(LockRegister<NoFunctions>);
  CHECK_FALSE(LockRegister<MayThrow>);
  CHECK(TryLock<RegistersOfHeap>);
  CHECK(NowaitLock<RegistersOfHeap>);
  CHECK(HasPushLock<RegistersOfHeap>);
  CHECK_FALSE(HasPushLock<NoLock>);
}

TEST_CASE("a lock of registers masks interrupts, and leaves masked what was masked before") {
  RegistersOfHeap lock;
  for (const int before : {0, 3, 7}) {
    Masked::level = before;
    lock.lock();
    CHECK(Heaps::taken);
    CHECK(Masked::level == 7);
    lock.unlock();
    CHECK(Heaps::level_inside == 7);
    CHECK_FALSE(Heaps::taken);
    CHECK(Masked::level == before);
  }
  Masked::level = 0;
}

TEST_CASE("who does not get the register has interrupts as before, and lets them in meanwhile") {
  static constinit bool let_in = true;
  RegistersOfHeap lock;
  Masked::level = 1;
  Heaps::taken = true;  // another core's
  CHECK_FALSE(lock.try_lock());
  CHECK(Masked::level == 1);
  Waiting::reset();
  Waiting::act = [](unsigned round) {
    let_in = let_in && Masked::level == 1;
    if (round == 5) Heaps::give_back();
  };
  lock.lock();
  CHECK(let_in);
  CHECK(Waiting::rounds == 6);
  CHECK(Masked::level == 7);
  lock.unlock();
  CHECK(Masked::level == 1);
  Masked::level = 0;
  Waiting::reset();
}

TEST_CASE_TEMPLATE("who releases without waiting takes the other register alone, interrupts masked",
                   TheHeap, Heap<General>, SmallHeap<Small>) {
  TheHeap heap;
  REQUIRE(heap.add_region(memory, sizeof memory) != 0);
  void* const block = heap.allocate(40);
  const unsigned before = Heaps::times_taken;
  const unsigned pushes_before = Pushes::times_taken;
  Pushes::level_inside = 0;
  heap.deallocate_nowait(block);
  CHECK(Heaps::times_taken == before);
  CHECK(Pushes::times_taken == pushes_before + 1);
  CHECK(Pushes::level_inside == 7);
  CHECK(Masked::level == 0);
  // As does who takes it over.
  heap.trim();
  CHECK(Pushes::times_taken > pushes_before + 1);
  CHECK_FALSE(Pushes::taken);
  CHECK(inspector_of(heap).stats().live_blocks == 0);
}

TEST_CASE_TEMPLATE(
    "while another core is inside, there is no memory at once, and blocks can be released", TheHeap,
    Heap<General>, SmallHeap<Small>) {
  TheHeap heap;
  REQUIRE(heap.add_region(memory, sizeof memory) != 0);
  void* const block = heap.allocate(40);
  Heaps::taken = true;
  CHECK(heap.allocate_nowait(40) == nullptr);
  heap.deallocate_nowait(block);
  CHECK(Masked::level == 0);
  Heaps::give_back();
  CHECK(inspector_of(heap).stats().deferred_blocks == 1);
  void* const other = heap.allocate_nowait(40);
  CHECK(other != nullptr);
  heap.deallocate(other);
  CHECK(inspector_of(heap).stats().live_blocks == 0);
  const char* const problem = inspector_of(heap).check();
  if (problem != nullptr) FAIL_CHECK(doctest::String(problem));
}
