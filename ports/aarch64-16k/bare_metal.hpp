// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built heap is like on bare metal, with caches and without: one pool, shared by all
// cores.
#pragma once

#include <errno.h>

#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/random_hook.hpp"
#include "rsb/static_pool.hpp"

// How much memory the heap has: a program may choose, on the compiler's command line.
#ifndef RSB_POOL_BYTES
#define RSB_POOL_BYTES (16 * rsb::MiB)
#endif

namespace rsb {

struct BareMetal {
  using Pages = StaticPool<RSB_POOL_BYTES, 16 * KiB>;
  using Lock = SpinLock;
  static constexpr Options options{
      .page_size = 16 * KiB,
      .span_size = 16 * KiB,
      .acquire_size = 16 * KiB,
      .acquire_alignment = 16 * KiB,
      .discard_size = 16 * KiB,
      .checks = Checks::RSB_CHECKS,
      .map = Map::flat,
  };
  static void exhausted() noexcept { errno = ENOMEM; }
  static uint32_t random() noexcept { return random_of_hook(); }
};

}  // namespace rsb
