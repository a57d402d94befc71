// SPDX-License-Identifier: MIT OR Apache-2.0
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

TEST_CASE("the thread that forks may take the lock meanwhile, and no other") {
  rsb::platform::Lock lock;
  std::atomic<bool> entered{false};
  lock.lock_for_fork();
  CHECK(lock.is_held_for_fork());
  CHECK_FALSE(lock.is_held_by_this_thread());
  std::jthread other([&] {
    CHECK_FALSE(lock.is_held_for_fork());
    lock.lock();
    entered = true;
    lock.unlock();
  });
  for (int i = 0; i < 50; i++) {
    lock.lock();
    CHECK(lock.is_held_by_this_thread());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    lock.unlock();
  }
  CHECK_FALSE(lock.try_lock());  // what has a fast path only
  CHECK_FALSE(entered);
  lock.unlock_in_parent();
  CHECK_FALSE(lock.is_held_for_fork());
  other.join();
  CHECK(entered);
}

TEST_CASE("a fork within a fork leaves the lock to the outer one, and its child has it free") {
  rsb::platform::Lock lock;
  std::atomic<bool> end{false};
  const std::jthread other([&] {  // or there would be but one thread
    while (!end) std::this_thread::yield();
  });
  lock.lock_for_fork();
  lock.lock_for_fork();
  lock.unlock_in_parent();
  CHECK(lock.is_held_for_fork());
  CHECK_FALSE(lock.try_lock());
  lock.lock_for_fork();
  lock.reset_in_child();
  CHECK(lock.try_lock());
  lock.unlock_in_parent();  // the outer fork, in that child: it has nothing to give up
  CHECK(lock.is_held_by_this_thread());
  lock.unlock_after_try();
  CHECK(lock.try_lock());
  lock.unlock();
  end = true;
}

TEST_CASE("a thread that forks inside is inside in the child, too") {
  rsb::platform::Lock lock;
  lock.lock();
  lock.lock_for_fork();
  lock.reset_in_child();
  CHECK(lock.is_held_by_this_thread());
  lock.unlock();
  CHECK_FALSE(lock.is_held_by_this_thread());
}
