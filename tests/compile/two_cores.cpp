// SPDX-License-Identifier: MIT OR Apache-2.0
// Heaps for several cores without atomic instructions, whose locks are registers, and the steps of
// such a lock. See compile.py.
#include "rsb/inspector.hpp"
#include "rsb/lock.hpp"
#include "rsb/page_source.hpp"
#include "rsb/small_inspector.hpp"

namespace {

// As an RP2040's.
template <unsigned number>
struct SioSpinlock {
  static volatile uint32_t& word() noexcept {
    return reinterpret_cast<volatile uint32_t*>(uintptr_t{0xd000'0100})[number];
  }
  static bool try_take() noexcept { return word() != 0; }
  static void give_back() noexcept { word() = 0; }
};

using TheLock = rsb::InterruptTryLock<rsb::CoreInterrupts, SioSpinlock<30>, SioSpinlock<31>>;

struct General {
  using Pages = rsb::NoPages;
  using Lock = TheLock;
  static constexpr rsb::Options options{.page_size = 1 * rsb::KiB,
                                        .span_size = 4 * rsb::KiB,
                                        .acquire_size = 4 * rsb::KiB,
                                        .acquire_alignment = 1 * rsb::KiB,
                                        .discard_size = 1 * rsb::KiB,
                                        .map = rsb::Map::flat};
};
struct Small {
  using Lock = TheLock;
  static constexpr rsb::SmallOptions options{.deferred_batch = 2};
};

}  // namespace

template <class TheHeap>
void use(TheHeap& heap, char* memory) {
  heap.add_region(memory, 16 * rsb::KiB);
  heap.deallocate(heap.reallocate(heap.allocate(10), 1'000));
  heap.deallocate_nowait(heap.allocate_nowait(100));
  heap.trim();
}

extern "C" size_t use_both(rsb::Heap<General>& general, rsb::SmallHeap<Small>& small,
                           char* memory) {
  use(general, memory);
  use(small, memory);
  return rsb::HeapInspector<General>(general).stats().live_blocks +
         rsb::SmallHeapInspector<Small>(small).stats().live_blocks;
}

using Register = rsb::RegisterLock<SioSpinlock<30>>;
extern "C" bool take_register() {
  return Register().try_lock();
}
extern "C" void give_register() {
  Register().unlock();
}
