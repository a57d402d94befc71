// SPDX-License-Identifier: MIT OR Apache-2.0
// What a correct program leaves in its blocks is never taken for a double free, whatever it is.
#include "rsb/heap.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::World;

// Links that an earlier life of the pages left behind must not count, although secrets are short
// and come again.
TEST_CASE("blocks that were never written are freed again and again") {
  World<support::SmallRadix> w;
  constexpr size_t span = support::SmallRadix::options.span_size;
  for (unsigned i = 0; i < 400'000; i++) {
    void* const a = w.heap.allocate(span);
    void* const b = w.heap.allocate(span);
    w.heap.deallocate(a);
    w.heap.deallocate(b);
  }
  CHECK(w.stats().live_blocks == 0);
}

// Every value of the word where the link was, over whatever the last free left behind it.
TEST_CASE("blocks of which only the first word is written are freed") {
  World<support::SmallRadix> w;
  for (size_t size : {size_t{4}, size_t{8}, size_t{16}, size_t{48}}) {
    void* const below = w.heap.allocate(size, 4);
    w.heap.deallocate(w.heap.allocate(size, 4));
    for (uint32_t high = 0; high < 0x10000; high++) {
      for (uint32_t low : {0u, 4u, 0xffffu}) {
        void* const block = w.heap.allocate(size, 4);
        const uint32_t word = high << 16 | low;
        __builtin_memcpy(block, &word, sizeof word);
        w.heap.deallocate(block);
      }
    }
    w.heap.deallocate(below);
  }
  CHECK(w.stats().live_blocks == 0);
}
