// SPDX-License-Identifier: MIT OR Apache-2.0
// The least that a configuration can be: no exhausted(), and a lock that is nothing but a lock.
#pragma once

#include "rsb/platform.hpp"

namespace rsb {

struct CountingLock {
  void lock() noexcept { locked++; }
  void unlock() noexcept { unlocked++; }
  static inline int locked = 0;
  static inline int unlocked = 0;
};

struct Instance {
  using Pages = platform::Pages;
  using Lock = CountingLock;
  static constexpr Options options = platform::options;
};

}  // namespace rsb
