// SPDX-License-Identifier: MIT OR Apache-2.0
// Interrupt handlers on a Cortex-M that allocate and release: a timer's (SysTick), and one that
// interrupts that one (PendSV).
#include <stdlib.h>

#include "rsb/inspector.hpp"
#include "support/built_instance.hpp"

using rsb::KiB;

namespace {

// Armv7-M, B3.2 and B3.3.
volatile uint32_t& system_register(uintptr_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}
void set_priorities() {
  system_register(0xe000ed20) = 0xc0u << 24 | 0x40u << 16;  // SysTick may be interrupted by PendSV
}
void start_timer(uint32_t cycles) {
  system_register(0xe000e014) = cycles;
  system_register(0xe000e018) = 0;
  system_register(0xe000e010) = 7;  // the core's clock, an interrupt, go
}
void stop_timer() {
  system_register(0xe000e010) = 0;
}
void pend() {
  system_register(0xe000ed04) = 1u << 28;  // PendSV
}

constexpr size_t slots = 32;
constexpr size_t sizes[] = {1, 4, 8, 24, 100, 500, 2'000, 6'000};

// The number of its size is what a block is filled with.
void write(unsigned char* block, unsigned n) {
  support::fill(block, sizes[n % 8], static_cast<unsigned char>(n % 8 + 1));
}
bool is_intact(const unsigned char* block) {
  return block[0] >= 1 && block[0] <= 8 &&
         support::holds_only(block, sizes[block[0] - 1], block[0]);
}

// What a handler allocates from, and where it gets to.
struct Share {
  unsigned char* passed[slots] = {};
  unsigned n = 0;
  volatile unsigned allocated = 0;
  volatile unsigned refused = 0;
  volatile unsigned broken = 0;

  template <class Allocate, class Release>
  void work(Allocate allocate, Release release) {
    for (int i = 0; i < 4; i++, n++) {
      auto* const block = static_cast<unsigned char*>(allocate(sizes[n % 8]));
      if (block != nullptr) {
        allocated = allocated + 1;
        write(block, n);
      } else {
        refused = refused + 1;
      }
      unsigned char* const old = rsb::exchange(&passed[n * 7 % slots], block);
      if (old == nullptr) continue;
      if (!is_intact(old)) broken = broken + 1;
      release(old);
    }
  }
};
Share timers, nested, programs;

// A spinlock that needs no atomic instructions, since there is one core.
class OpenLock {
 public:
  void lock() noexcept {
    while (!try_lock()) {
    }
  }
  bool try_lock() noexcept { return rsb::exchange(&taken_, 1u) == 0; }
  void unlock() noexcept { rsb::store_release(&taken_, 0u); }

 private:
  unsigned taken_ = 0;
};

// A heap whose lock lets interrupts in.
struct Open {
  using Pages = rsb::NoPages;
  using Lock = OpenLock;
  static constexpr rsb::Options options{
      .page_size = 1 * KiB,
      .span_size = 4 * KiB,
      .acquire_size = 4 * KiB,
      .acquire_alignment = 1 * KiB,
      .discard_size = 1 * KiB,
      .reserve_pages = 8,
      .map = rsb::Map::flat,
  };
};
constinit rsb::Heap<Open> open_heap;
alignas(1 * KiB) char memory[200 * KiB];

void (*on_tick)();
void (*on_pend)();

void take_from_open_heap(Share& share) {
  share.work([](size_t size) { return open_heap.allocate_nowait(size); },
             [](void* block) { open_heap.deallocate_nowait(block); });
}
void take_from_built_heap(Share& share) {
  share.work([](size_t size) { return rsb_malloc(size); }, [](void* block) { rsb_free(block); });
}

// The program's own share, until the timer has come `ticks` times.
template <class Work>
void be_interrupted(unsigned ticks, Work work) {
  timers = nested = programs = Share();
  set_priorities();
  start_timer(2'000);
  while (timers.n < 4 * ticks) work();
  stop_timer();
  CHECK(timers.broken + nested.broken + programs.broken == 0);
  CHECK(timers.allocated > ticks);
  CHECK(nested.allocated > ticks);
}

template <class Release>
void release_all(Release release) {
  for (Share* share : {&timers, &nested, &programs}) {
    for (unsigned char* block : share->passed) release(block);
  }
}

}  // namespace

extern "C" void arm_systick_isr() {
  on_tick();
}
extern "C" void arm_pendsv_isr() {
  on_pend();
}

TEST_CASE("handlers allocate and release without waiting, wherever they interrupt") {
  open_heap.add_region(memory, sizeof memory);
  on_tick = [] {
    pend();
    take_from_open_heap(timers);
  };
  on_pend = [] { take_from_open_heap(nested); };
  be_interrupted(1'000, [] {
    programs.work([](size_t size) { return open_heap.allocate(size); },
                  [](void* block) { open_heap.deallocate(block); });
  });
  CHECK(timers.refused > 0);  // it did come inside
  release_all([](void* block) { open_heap.deallocate_nowait(block); });
  const char* const problem = rsb::inspect(open_heap).check();
  if (problem != nullptr) FAIL_CHECK(problem);
  const rsb::Stats stats = rsb::inspect(open_heap).stats();
  CHECK(stats.live_blocks == 0);
  CHECK(stats.deferred_blocks == 0);
  CHECK(stats.reserved_pages == 8);
}

TEST_CASE("handlers use a heap as the program does where the lock masks interrupts") {
  support::NothingLeft nothing_left;
  on_tick = [] {
    pend();
    take_from_built_heap(timers);
  };
  on_pend = [] { take_from_built_heap(nested); };
  be_interrupted(1'000, [] { take_from_built_heap(programs); });
  CHECK(timers.refused + nested.refused + programs.refused == 0);
  release_all([](void* block) { rsb_free(block); });
  CHECK(rsb_check() == nullptr);
}
