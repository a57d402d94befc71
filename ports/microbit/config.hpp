// SPDX-License-Identifier: MIT OR Apache-2.0
// The built heap: 512 KiB, for one core whose interrupt handlers may allocate too. It needs no
// atomic instructions, which a Cortex-M0 lacks.
#pragma once

#include <errno.h>

#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/random_hook.hpp"
#include "rsb/static_pool.hpp"

namespace rsb {

struct Instance {
  using Pages = StaticPool<512 * KiB, 1 * KiB>;
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
