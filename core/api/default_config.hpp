// The built instance's configuration unless RSB_CONFIG_HEADER names another: the platform's
// defaults and the level of checks that the build asks for. A header of the user's defines the same
// struct.
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"

namespace rsb {

struct Instance {
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
