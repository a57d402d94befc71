// SPDX-License-Identifier: MIT OR Apache-2.0
// The firmware's heap: a pool of 64 KiB, for a main loop and its interrupt handlers.
#pragma once

#include "../../firmware/masked_time.hpp"
#include "board.hpp"
#include "rsb/small_heap.hpp"
#include "rsb/static_pool.hpp"

namespace firmware {

using Interrupts = MaskedTime<rsb::CoreInterrupts, Clock>;

// The build may choose another lock, to see what this one is good for.
#ifndef FIRMWARE_LOCK
#define FIRMWARE_LOCK rsb::InterruptLock<firmware::Interrupts>
#endif

struct Config {
  using Pages = rsb::StaticPool<64 * rsb::KiB, 8>;
  using Lock = FIRMWARE_LOCK;
  static constexpr rsb::SmallOptions options{
      .deferred_batch = 2,  // few at a time, since interrupts are masked meanwhile
  };
};

using Heap = rsb::SmallHeap<Config>;
inline constinit Heap heap;

}  // namespace firmware
