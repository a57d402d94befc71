// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "rsb/platform.hpp"
#include "rsb/small_heap.hpp"
#include "rsb/static_pool.hpp"

namespace rsb {

struct Instance {
  using Pages = StaticPool<64 * KiB, 8>;
  using Lock = InterruptLock<CoreInterrupts>;  // handlers may allocate and free
  static constexpr SmallOptions options{.checks = Checks::RSB_CHECKS, .deferred_batch = 2};
  static void exhausted() noexcept { platform::exhausted(); }  // errno
};

}  // namespace rsb
