// SPDX-License-Identifier: MIT OR Apache-2.0
// A built instance that is a small heap.
#pragma once

#include "rsb/platform.hpp"
#include "rsb/small_heap.hpp"
#include "rsb/static_pool.hpp"

#ifndef RSB_POOL_BYTES
#define RSB_POOL_BYTES (320 * rsb::KiB)
#endif

namespace rsb {

struct Instance {
  using Pages = StaticPool<RSB_POOL_BYTES, 8>;
  using Lock = NoLock;
  static constexpr SmallOptions options{
      .checks = Checks::RSB_CHECKS, .deferred_batch = 2, .statistics = true};
  static void exhausted() noexcept { platform::exhausted(); }
};

}  // namespace rsb
