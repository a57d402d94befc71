// Locks that know fork; beside lock.cpp.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "rsb/platform.hpp"

// Signal handlers may fork while their thread is inside malloc, and other threads may fork
// meanwhile: the C library does not serialise fork handlers.
TEST_CASE("a fork in another thread does not open the lock of a thread that forks inside it") {
  rsb::platform::Lock lock;
  std::atomic<bool> forked{false};
  std::atomic<bool> entered{false};
  std::jthread other([&] {
    while (!forked) std::this_thread::yield();
    lock.lock_for_fork();
    entered = true;
    lock.unlock_in_parent();
  });
  lock.lock();
  lock.lock_for_fork();
  forked = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  lock.unlock_in_parent();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_FALSE(entered);
  lock.unlock();
  other.join();
  CHECK(entered);
}
