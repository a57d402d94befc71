// SPDX-License-Identifier: MIT OR Apache-2.0
// No function that allocates or releases is a cancellation point, wait as it may: POSIX.1, 2.9.5.2.
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <atomic>

#include "rsb/rsb.h"
#include "support/test.hpp"

namespace {

void rest(long milliseconds) {
  const timespec time{0, milliseconds * 1'000'000};
  nanosleep(&time, nullptr);
}

// Calls of the C interface, each with a block of 100 bytes that it releases or replaces.
using Call = void* (*)(void* block);
constexpr Call calls[] = {
    [](void* block) { return rsb_free(block), rsb_malloc(100); },
    [](void* block) { return rsb_free(block), rsb_malloc(20'000); },
    [](void* block) { return rsb_free(block), rsb_calloc(10, 10); },
    [](void* block) { return rsb_realloc(block, 30'000); },
    [](void* block) { return rsb_reallocarray(block, 10, 10); },
    [](void* block) { return rsb_free(block), rsb_aligned_alloc(64, 100); },
    [](void* block) { return rsb_free(block), rsb_valloc(100); },
    [](void* block) { return rsb_malloc_usable_size(block) != 0 ? block : nullptr; },
    [](void* block) { return rsb_free_nowait(block), rsb_malloc(40'000); },
    [](void* block) {
      rsb_page_free(rsb_page_allocate(1, 0));
      return block;
    },
    [](void* block) {
      rsb_stats stats;
      rsb_get_stats(&stats);
      return stats.live_blocks != 0 ? block : nullptr;
    },
    [](void* block) { return rsb_check() == nullptr ? block : nullptr; },
    [](void* block) { return rsb_trim(), block; },
};

std::atomic<int> about_to_wait{0};

// A thread that is to end at the next cancellation point, and what it holds meanwhile.
struct Thread {
  Call call;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  void* block = nullptr;
  bool has_returned = false;
  pthread_t id{};

  static void* run(void* self) {
    Thread& thread = *static_cast<Thread*>(self);
    pthread_mutex_lock(&thread.mutex);
    pthread_cancel(pthread_self());
    about_to_wait++;
    thread.block = thread.call(thread.block);
    thread.has_returned = true;
    pthread_mutex_unlock(&thread.mutex);
    pthread_testcancel();
    return nullptr;
  }

  void start() { REQUIRE(pthread_create(&id, nullptr, run, this) == 0); }

  void expect_good_end() {
    void* result = nullptr;
    pthread_join(id, &result);
    CHECK(result == PTHREAD_CANCELED);
    CHECK(has_returned);
    CHECK(pthread_mutex_trylock(&mutex) == 0);
    CHECK(block != nullptr);
    rsb_free(block);
  }
};

}  // namespace

TEST_CASE("a thread that is to be cancelled returns from its first call of the heap") {
  Thread thread{[](void*) { return rsb_malloc(100); }};
  thread.start();
  thread.expect_good_end();
}

TEST_CASE("a thread that is to be cancelled returns from each call, though it has to wait") {
  constexpr size_t count = sizeof calls / sizeof *calls;
  static Thread threads[count];
  for (size_t i = 0; i < count; i++) {
    threads[i].call = calls[i];
    threads[i].block = rsb_malloc(100);
    REQUIRE(threads[i].block != nullptr);
  }
  // The visitor is called with the lock held; it stays until the others have slept.
  rsb_walk(
      [](void*, size_t, void*) {
        for (Thread& thread : threads) thread.start();
        while (about_to_wait < int{count}) rest(1);
        rest(100);
        return 0;
      },
      nullptr);
  for (Thread& thread : threads) thread.expect_good_end();
}
