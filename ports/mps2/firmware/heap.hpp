// The firmware's heap: a pool of 64 KiB, for a main loop and its interrupt handlers.
#pragma once

#include "../../firmware/masked_time.hpp"
#include "board.hpp"
#include "rsb/heap.hpp"
#include "rsb/static_pool.hpp"

namespace firmware {

using Interrupts = MaskedTime<rsb::CoreInterrupts, Clock>;

// The build may choose another lock, to see what this one is good for.
#ifndef FIRMWARE_LOCK
#define FIRMWARE_LOCK rsb::InterruptLock<firmware::Interrupts>
#endif

struct Config {
  using Pages = rsb::StaticPool<64 * rsb::KiB, 256>;
  using Lock = FIRMWARE_LOCK;
  static constexpr rsb::Options options{
      .page_size = 256,
      .span_size = 1 * rsb::KiB,
      .acquire_size = 1 * rsb::KiB,
      .acquire_alignment = 256,
      .discard_size = 256,
      .reserve_pages = 4,   // for handlers that find the pool full
      .deferred_batch = 2,  // few at a time, since interrupts are masked meanwhile
      .map = rsb::Map::flat,
  };
};

using Heap = rsb::Heap<Config>;
inline constinit Heap heap;

}  // namespace firmware
