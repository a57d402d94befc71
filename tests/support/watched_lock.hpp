// SPDX-License-Identifier: MIT OR Apache-2.0
// A lock for tests with one thread: knows whether it is held, by anyone, and notices when it is
// taken twice or given back without being held.
#pragma once

#include <stdlib.h>

namespace support {

// Satisfies rsb::Lock and rsb::KnowsHandlers. All objects share their state: a test uses one heap
// at a time.
class WatchedLock {
 public:
  void lock() noexcept {
    if (held_) abort();  // a real lock would hang here
    held_ = true;
    times_++;
  }
  bool try_lock_in_handler() noexcept {
    if (held_) return false;
    lock();
    return true;
  }
  void unlock() noexcept {
    if (!held_) abort();
    held_ = false;
  }

  static bool is_held() noexcept { return held_; }
  static unsigned times_taken() noexcept { return times_; }

 private:
  static inline constinit bool held_ = false;
  static inline constinit unsigned times_ = 0;
};

}  // namespace support
