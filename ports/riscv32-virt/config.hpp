// SPDX-License-Identifier: MIT OR Apache-2.0
// The built heap on bare metal: one pool, for one core whose interrupt handlers may allocate too.
// It needs no atomic instructions, which an ESP32-C3 lacks.
#pragma once

#include <errno.h>

#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/random_hook.hpp"
#include "rsb/static_pool.hpp"

// How much memory the heap has: a program may choose, on the compiler's command line.
#ifndef RSB_POOL_BYTES
#define RSB_POOL_BYTES (512 * rsb::KiB)
#endif

namespace rsb {

struct Instance {
  using Pages = StaticPool<RSB_POOL_BYTES, 1 * KiB>;
  using Lock = InterruptLock<CoreInterrupts>;
  static constexpr Options options{
      .page_size = 1 * KiB,
      .span_size = 4 * KiB,
      .acquire_size = 4 * KiB,
      .acquire_alignment = 1 * KiB,
      .discard_size = 1 * KiB,
      .checks = Checks::RSB_CHECKS,
      .map = Map::flat,
  };
  static void exhausted() noexcept { errno = ENOMEM; }
  static uint32_t random() noexcept { return random_of_hook(); }
};

}  // namespace rsb
