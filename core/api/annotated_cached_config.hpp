// SPDX-License-Identifier: MIT OR Apache-2.0
// The same with RSB_CACHES: with a cache for each thread.
#pragma once

#include "platform_config.hpp"
#include "rsb/platform_annotations.hpp"
#include "rsb/thread_seats.hpp"

namespace rsb {

struct Instance : PlatformConfig {
  using Annotations = platform::Annotations;
  using Seats = platform::ThreadSeats<Instance>;
  static constexpr CacheOptions caches = platform::caches;
};

}  // namespace rsb
