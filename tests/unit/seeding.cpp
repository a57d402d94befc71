// SPDX-License-Identifier: MIT OR Apache-2.0
// Heaps whose configuration knows something random make their secrets of it.
#include "rsb/heap.hpp"
#include "rsb/small_heap.hpp"
#include "support/test.hpp"

using namespace rsb;

namespace {

constexpr size_t pool_bytes = 64 * KiB;
alignas(4 * KiB) char pool[pool_bytes];

uint32_t random_now;
unsigned times_asked;

struct Deterministic {
  using Pages = NoPages;
  using Lock = NoLock;
  static constexpr Options options{
      .page_size = 4 * KiB,
      .span_size = 4 * KiB,
      .acquire_size = 16 * KiB,
      .acquire_alignment = 4 * KiB,
      .discard_size = 4 * KiB,
      .map = Map::flat,
  };
};

template <Checks level>
struct Random : Deterministic {
  static constexpr Options options = [] {
    Options o = Deterministic::options;
    o.checks = level;
    return o;
  }();
  static constexpr FullOptions full{.queue_blocks = 0, .guarded_blocks = 0};
  static uint32_t random() noexcept {
    times_asked++;
    return random_now;
  }
};

struct SmallRandom {
  using Lock = NoLock;
  static constexpr SmallOptions options{.checks = Checks::full};
  static uint32_t random() noexcept {
    times_asked++;
    return random_now;
  }
};

// A number made of what lies in the pool after the same calls, with this random number.
template <class TheHeap>
uint64_t image(uint32_t random) {
  random_now = random;
  times_asked = 0;
  for (char& byte : pool) byte = 0;
  TheHeap heap;
  heap.add_region(pool, pool_bytes);
  void* blocks[8];
  for (void*& block : blocks) {
    block = heap.allocate(40);
    REQUIRE(block != nullptr);
  }
  for (void* block : blocks) heap.deallocate(block);
  void* const large = heap.allocate(20'000);
  heap.deallocate(large);
  uint64_t sum = 0;
  for (const char byte : pool) sum = sum * 31 + static_cast<unsigned char>(byte);
  return sum;
}

}  // namespace

TEST_CASE("the same random number makes the same secrets, another one others") {
  const uint64_t image_of_basic = image<Heap<Random<Checks::basic>>>(1);
  CHECK(image<Heap<Random<Checks::basic>>>(1) == image_of_basic);
  CHECK(image<Heap<Random<Checks::basic>>>(2) != image_of_basic);

  const uint64_t image_of_full = image<Heap<Random<Checks::full>>>(1);
  CHECK(image<Heap<Random<Checks::full>>>(1) == image_of_full);
  CHECK(image<Heap<Random<Checks::full>>>(2) != image_of_full);

  const uint64_t image_of_small = image<SmallHeap<SmallRandom>>(1);
  CHECK(image<SmallHeap<SmallRandom>>(1) == image_of_small);
  CHECK(image<SmallHeap<SmallRandom>>(2) != image_of_small);
}

TEST_CASE("it is asked for once") {
  image<Heap<Random<Checks::basic>>>(1);
  CHECK(times_asked == 1);
  image<Heap<Random<Checks::full>>>(1);
  CHECK(times_asked == 1);
  image<SmallHeap<SmallRandom>>(1);
  CHECK(times_asked == 1);
}

TEST_CASE("a configuration that knows nothing random gives what none at all would") {
  CHECK(image<Heap<Deterministic>>(1) == image<Heap<Random<Checks::basic>>>(0));
}

TEST_CASE("it is asked for before the first slot is handed out, also without waiting") {
  times_asked = 0;
  Heap<Random<Checks::full>> heap;
  heap.add_region(pool, pool_bytes);
  CHECK(times_asked == 1);
  void* const block = heap.allocate_nowait(40);
  REQUIRE(block != nullptr);
  heap.deallocate(block);
  CHECK(times_asked == 1);
}
