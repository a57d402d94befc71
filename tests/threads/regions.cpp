// SPDX-License-Identifier: MIT OR Apache-2.0
// Regions come and go while other threads allocate and free, and look up their blocks without a
// lock.
#include "rsb/heap.hpp"
#include "rsb/inspector.hpp"
#include "rsb/platform.hpp"
#include "support/parallel.hpp"
#include "support/test.hpp"

namespace {

struct Config {
  using Pages = rsb::NoPages;
  using Lock = rsb::platform::Lock;
  static constexpr rsb::Options options{
      .page_size = 256,
      .span_size = 1024,
      .acquire_size = 1024,
      .acquire_alignment = 256,
      .discard_size = 256,
      .map = rsb::Map::flat,
  };
};
using Heap = rsb::Heap<Config>;

constexpr size_t bytes = 32 * rsb::KiB;
alignas(256) char first[bytes / 16];  // not enough for all
alignas(256) char coming[2][bytes];   // and going

}  // namespace

TEST_CASE("regions come and go while others allocate and free") {
  static constinit Heap heap;
  REQUIRE(heap.add_region(coming[0], bytes) != 0);  // so that it is searched first
  REQUIRE(heap.add_region(first, sizeof first) != 0);
  static unsigned is_over = 0;
  static unsigned wrong = 0;
  static unsigned from_coming = 0;
  constexpr int rounds = 100;
  constexpr unsigned threads = 3;

  support::parallel(threads, [](unsigned index) {
    if (index == 0) {
      for (int i = 0; i < rounds; i++) {
        char* const region = coming[i % 2];
        if (i != 0 && heap.add_region(region, bytes) == 0)
          __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
        const unsigned before = __atomic_load_n(&from_coming, __ATOMIC_RELAXED);
        for (int j = 0; j < 1'000'000; j++) {
          if (__atomic_load_n(&from_coming, __ATOMIC_RELAXED) - before > 10) break;
          support::yield();
        }
        while (heap.remove_region(region, bytes) == 0) support::yield();
        __builtin_memset(region, i, bytes);  // whoever looks there now is led astray
      }
      __atomic_store_n(&is_over, 1u, __ATOMIC_RELEASE);
      return;
    }
    constexpr size_t most = 8;
    struct {
      char* block;
      size_t size;
    } mine[most] = {};
    support::Random random(index);
    unsigned mistakes = 0;
    for (unsigned i = 0; __atomic_load_n(&is_over, __ATOMIC_ACQUIRE) == 0; i++) {
      auto& [block, size] = mine[i % most];
      if (block != nullptr && !support::holds_pattern(block, size, index)) mistakes++;
      heap.deallocate(block);
      size = 1 + random.below(size_t{1} << random.below(11));
      block = static_cast<char*>(heap.allocate(size));
      if (block == nullptr) continue;
      support::fill_pattern(block, size, index);
      if (rsb::bytes_from(coming, block) < sizeof coming) {
        __atomic_fetch_add(&from_coming, 1, __ATOMIC_RELAXED);
      }
    }
    for (auto& [block, size] : mine) heap.deallocate(block);
    __atomic_fetch_add(&wrong, mistakes, __ATOMIC_RELAXED);
  });

  CHECK(wrong == 0);
  CHECK(from_coming != 0);
  CHECK(rsb::inspect(heap).check() == nullptr);
  CHECK(rsb::inspect(heap).stats().live_blocks == 0);
}
