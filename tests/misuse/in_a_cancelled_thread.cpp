// SPDX-License-Identifier: MIT OR Apache-2.0
// A block is freed twice by a thread that is to end at its next cancellation point.
#include <pthread.h>

#include "rsb/rsb.h"

int main() {
  pthread_t thread;
  const auto free_twice = [](void*) -> void* {
    void* const block = rsb_malloc(24);
    pthread_cancel(pthread_self());
    rsb_free(block);
    rsb_free(block);
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, free_twice, nullptr) != 0) return 1;
  pthread_join(thread, nullptr);
}
