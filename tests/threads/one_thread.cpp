// SPDX-License-Identifier: MIT OR Apache-2.0
// The lock does without atomics while the C library says that there is one thread: the heap must be
// right before, while and after there is another one.
#include <doctest/doctest.h>

#include <string.h>
#include <sys/single_threaded.h>

#include <atomic>
#include <thread>

#include "rsb/rsb.h"

namespace {

struct Blocks {
  static constexpr size_t count = 200;
  unsigned char* at[count] = {};
  size_t size[count] = {};
  int broken = 0;
  unsigned state = 1;

  void replace_some(int times, unsigned char mark) {
    for (int i = 0; i < times; i++) {
      state = state * 1664525u + 1013904223u;
      const size_t k = (state >> 8) % count;
      free_one(k, mark);
      size[k] = (state >> 16) % 3000 + 1;
      at[k] = static_cast<unsigned char*>(rsb_malloc(size[k]));
      memset(at[k], mark, size[k]);
    }
  }

  void free_one(size_t k, unsigned char mark) {
    if (at[k] == nullptr) return;
    for (size_t i = 0; i < size[k]; i++) broken += at[k][i] != mark;
    rsb_free(at[k]);
    at[k] = nullptr;
  }

  void free_all(unsigned char mark) {
    for (size_t k = 0; k < count; k++) free_one(k, mark);
  }
};

}  // namespace

TEST_CASE("a process goes from one thread to two and back, many times") {
  REQUIRE(__libc_single_threaded != 0);
  Blocks mine;
  mine.replace_some(20'000, 1);
  for (int round = 0; round < 100; round++) {
    Blocks others;
    std::atomic<bool> running{false};
    std::thread other([&] {
      running = true;
      others.replace_some(2'000, 2);
    });
    // Meets the other thread at its start and at its end.
    while (!running) mine.replace_some(1, 1);
    mine.replace_some(2'000, 1);
    other.join();
    mine.replace_some(500, 1);
    others.free_all(2);
    CHECK(others.broken == 0);
    REQUIRE(rsb_check() == nullptr);
  }
  mine.free_all(1);
  CHECK(mine.broken == 0);
  rsb_stats stats;
  rsb_get_stats(&stats);
  CHECK(stats.live_blocks == 0);
}

TEST_CASE("a thread that allocates is started while its starter allocates") {
  for (int round = 0; round < 200; round++) {
    std::thread([] { rsb_free(rsb_malloc(100)); }).detach();
    for (int i = 0; i < 200; i++) rsb_free(rsb_malloc(100));
  }
  CHECK(rsb_check() == nullptr);
}
