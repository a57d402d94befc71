// The built instance's configuration with RSB_CACHES: the usual one, with a cache for each thread.
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"
#include "rsb/thread_seats.hpp"

namespace rsb {

struct Instance {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  using Seats = platform::ThreadSeats<Instance>;
  static constexpr Options options = [] {
    Options o = platform::options;
    o.checks = Checks::RSB_CHECKS;
    return o;
  }();
  static void exhausted() noexcept { platform::exhausted(); }
};

}  // namespace rsb
