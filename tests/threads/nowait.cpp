// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks released without waiting, by all threads at once, while others are inside the heap.
#include <atomic>

#include "support/parallel.hpp"
#include "support/test.hpp"
#include "threads/heaps.hpp"

namespace {

constexpr size_t sizes[] = {4, 8, 24, 100, 1'000, 20'000};

// What a thread hands to its neighbour, which releases it.
struct alignas(64) Exchange {
  std::atomic<void*> block{nullptr};
};
Exchange exchanges[64];

}  // namespace

TEST_CASE("blocks that all threads release at once, without waiting, all come back") {
  const unsigned threads = support::max_parallel() < 4 ? support::max_parallel() : 4;
  const size_t before = threads::Built::count_blocks();
  std::atomic<unsigned> broken{0};
  support::parallel(threads, [&](unsigned me) {
    support::Random random(me + 1);
    for (unsigned i = 0; i < 30'000; i++) {
      const size_t size = sizes[random.below(i % 64 == 0 ? 6 : 5)];
      void* block = i % 2 == 0 ? rsb_malloc_nowait(size) : nullptr;
      if (block == nullptr) block = rsb_allocate(size, 4);
      if (block == nullptr) continue;
      support::fill(block, size, static_cast<unsigned char>(size));
      // The neighbour's turn: what lies there is somebody's, and from now on this thread's.
      block = exchanges[random.below(8)].block.exchange(block);
      if (block == nullptr) continue;
      const unsigned char first = *static_cast<unsigned char*>(block);
      bool known = false;
      for (const size_t s : sizes) {
        known = known ||
                (first == static_cast<unsigned char>(s) && support::holds_only(block, s, first));
      }
      if (!known) broken++;
      if (i % 8 == 0) {
        rsb_free(block);
      } else {
        rsb_free_nowait(block);
      }
    }
  });
  for (Exchange& e : exchanges) rsb_free_nowait(e.block.exchange(nullptr));
  CHECK(broken == 0);
  CHECK(threads::Built::count_blocks() == before);
  const char* const problem = rsb_check();
  if (problem != nullptr) FAIL(problem);
  CHECK(threads::Built::stats().deferred_blocks == 0);
}

TEST_CASE("threads release without waiting while another one holds the lock all the time") {
  using Heap = threads::Own<threads::Pool>;
  const unsigned threads = support::max_parallel() < 3 ? support::max_parallel() : 3;
  constexpr size_t count = 500;
  static void* blocks[64][count];
  size_t live = 0;
  for (unsigned t = 1; t < threads; t++) {
    for (void*& block : blocks[t]) {
      block = Heap::allocate(live % 2 == 0 ? 4 : 40, 4);
      if (block != nullptr) live++;
    }
  }
  auto& lock = Heap::heap.pages().lock();
  std::atomic<unsigned> ready{0};
  bool got_none = true;
  support::parallel(threads, [&](unsigned me) {
    if (me == 0) {
      lock.lock();
      ready = 1;
      while (ready != threads) support::yield();
      lock.unlock();
    } else {
      while (ready == 0) support::yield();
      if (Heap::heap.allocate_nowait(40) != nullptr) got_none = false;
      for (void* block : blocks[me]) Heap::heap.deallocate_nowait(block);
      ready++;
    }
  });
  CHECK(got_none);
  CHECK(Heap::stats().deferred_blocks == live);
  CHECK(Heap::count_blocks() == 0);
  CHECK(Heap::check() == nullptr);
}
