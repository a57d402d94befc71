// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built instance takes from the platform, with caches and without.
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"

namespace rsb {

struct PlatformConfig {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options = [] {
    Options o = platform::options;
    o.checks = Checks::RSB_CHECKS;
    return o;
  }();
  // Called, without the lock, whenever an allocation fails.
  static void exhausted() noexcept { platform::exhausted(); }
};

}  // namespace rsb
