// SPDX-License-Identifier: MIT OR Apache-2.0
// A built instance that is a small heap over the regions of rsb_regions[].
#pragma once

#include "rsb/platform.hpp"
#include "rsb/small_heap.hpp"

namespace rsb {

struct Instance {
  using Pages = platform::Pages;
  using Lock = NoLock;
  static constexpr SmallOptions options{.checks = Checks::RSB_CHECKS, .deferred_batch = 2};
  static void exhausted() noexcept { platform::exhausted(); }
};

}  // namespace rsb
