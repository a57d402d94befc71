// SPDX-License-Identifier: MIT OR Apache-2.0
// Heaps with a cache for each core, whose timers interrupt them anywhere: handlers that release and
// allocate without waiting, and handlers that may call everything.
#include <atomic>

#include "rsb/arch.hpp"
#include "rsb/port/interrupts.hpp"
#include "support/parallel.hpp"
#include "support/test.hpp"
#include "threads/heaps.hpp"

using namespace rsb::port;

namespace {

constexpr unsigned most = 4;
constexpr size_t sizes[] = {4, 8, 24, 100, 1'000};

// What is in the exchange is nobody's; whoever takes it out owns it.
std::atomic<void*> exchange[16];
std::atomic<unsigned> broken{0};

// The first byte says which size it is.
void* fill(void* block, size_t index) {
  support::fill(block, sizes[index], static_cast<unsigned char>(index + 1));
  return block;
}
bool is_whole(const void* block) {
  const unsigned char first = *static_cast<const unsigned char*>(block);
  if (first == 0 || first > 5) return false;
  return support::holds_only(block, sizes[first - 1], first);
}

struct alignas(64) Core {
  support::Random random{0};
  std::atomic<unsigned> interrupts{0};
};

// Only the _nowait functions.
struct Nowait {
  static void* allocate(size_t size) { return rsb_malloc_nowait(size); }
  static void deallocate(void* block) { rsb_free_nowait(block); }
};

struct ThisCore {
  static unsigned core() noexcept { return this_core(); }
};
struct Masking : threads::Pool {
  using Lock = rsb::InterruptSpinLock<rsb::CoreInterrupts>;
  using Seats =
      rsb::CpuSeats<most_cores, rsb::MaskingCpus<most_cores, rsb::CoreInterrupts, ThisCore>>;
  static constexpr rsb::CacheOptions caches{.bytes = 16 * rsb::KiB,
                                            .most_bytes = 32 * rsb::KiB,
                                            .run_bytes = 48 * rsb::KiB,
                                            .magazine = 64,
                                            .batch = 8};
};
using Everything = threads::Own<Masking>;

// A new block into the exchange, and what was there released.
template <class Heap>
void pass_a_block(support::Random& random) {
  const size_t index = random.below(5);
  void* block = Heap::allocate(sizes[index]);
  if (block == nullptr) return;
  block = exchange[random.below(16)].exchange(fill(block, index));
  if (block == nullptr) return;
  if (!is_whole(block)) broken++;
  Heap::deallocate(block);
}

// All cores pass blocks on, and so do the handlers that interrupt them.
template <class Heap, class InHandler>
void pass_blocks() {
  static Core of_cores[most];
  static Core of_handlers[most];
  const unsigned cores = support::max_parallel() < most ? support::max_parallel() : most;
  for (unsigned i = 0; i < cores; i++) {
    of_cores[i].random = support::Random(2 * i + 1);
    of_handlers[i].random = support::Random(2 * i + 2);
  }
  const size_t before = Heap::count_blocks();
  support::parallel(cores, [](unsigned me) {
    const auto handler = [](void* context) {
      Core& core = *static_cast<Core*>(context);
      pass_a_block<InHandler>(core.random);
      core.interrupts++;
    };
    start_timer(static_cast<uint32_t>(ticks_per_second() / 20'000), handler, &of_handlers[me]);
    for (unsigned i = 0; i < 20'000 || of_handlers[me].interrupts < 300; i++) {
      pass_a_block<Heap>(of_cores[me].random);
      if (i % 4'096 == 0) Heap::trim();
    }
    stop_timer();
  });
  for (std::atomic<void*>& slot : exchange) Heap::deallocate(slot.exchange(nullptr));
  CHECK(broken == 0);
  Heap::trim();
  CHECK(Heap::count_blocks() == before);
  const char* const problem = Heap::check();
  if (problem != nullptr) FAIL(problem);
}

}  // namespace

TEST_CASE("handlers pass on blocks without waiting, wherever they interrupt a core's cache") {
  pass_blocks<threads::Built, Nowait>();
}

TEST_CASE("where seats mask interrupts, handlers may call everything") {
  pass_blocks<Everything, Everything>();
}
