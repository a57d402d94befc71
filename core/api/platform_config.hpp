// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built instance takes from the platform, with caches and without.
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"

namespace rsb {

// Satisfies rsb::KnowsRandom if the platform has something random.
template <class Pages>
struct RandomOf {};
template <class Pages>
requires requires {
  Pages::random();
}
struct RandomOf<Pages> {
  static uint32_t random() noexcept { return Pages::random(); }
};

struct PlatformConfig : RandomOf<platform::Pages> {
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
