// SPDX-License-Identifier: MIT OR Apache-2.0
// The built heap on bare metal with RSB_CACHES: a cache for each core. So whoever calls the heap
// stays on its core meanwhile, and interrupt handlers call only its functions named _nowait.
#pragma once

#include "bare_metal.hpp"
#include "include/rsb/port/cores.hpp"
#include "include/rsb/port/this_core.hpp"
#include "rsb/seat.hpp"

namespace rsb {

struct Instance : BareMetal {
  struct ThisCore {
    static unsigned core() noexcept { return port::this_core(); }
  };
  using Seats = CoreSeats<port::most_cores, ThisCore>;
  static constexpr CacheOptions caches{.bytes = 64 * KiB,
                                       .most_bytes = 256 * KiB,
                                       .run_bytes = 128 * KiB,
                                       .magazine = 1024,
                                       .batch = 32};
};

}  // namespace rsb
