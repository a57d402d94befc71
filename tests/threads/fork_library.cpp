// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fork_library.hpp"

pthread_mutex_t library_mutex = PTHREAD_MUTEX_INITIALIZER;
std::atomic<int> library_handlers_run{0};
std::atomic<void (*)()> library_handler{nullptr};

namespace {

void run() {
  library_handlers_run++;
  if (const auto handler = library_handler.load()) handler();
}

void prepare() {
  pthread_mutex_lock(&library_mutex);
  run();
}

void after() {
  run();
  pthread_mutex_unlock(&library_mutex);
}

// In a static program as early as a program's own can be.
[[gnu::constructor(101)]] void begin() {
  pthread_atfork(prepare, after, after);
}

}  // namespace
