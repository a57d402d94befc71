// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance's configuration with RSB_CACHES: the usual one, with a cache for each thread.
#pragma once

#include "platform_config.hpp"
#include "rsb/thread_seats.hpp"

namespace rsb {

struct Instance : PlatformConfig {
  using Seats = platform::ThreadSeats<Instance>;
  static constexpr CacheOptions caches = platform::caches;
};

}  // namespace rsb
