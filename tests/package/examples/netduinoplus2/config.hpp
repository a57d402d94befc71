#pragma once

#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/platform.hpp"
#include "rsb/static_pool.hpp"

namespace rsb {

struct Instance {
  using Pages = StaticPool<64 * KiB, 256>;
  using Lock = InterruptLock<CoreInterrupts>;  // handlers may allocate and free
  static constexpr Options options{
      .page_size = 256,
      .span_size = 1 * KiB,
      .acquire_size = 1 * KiB,
      .acquire_alignment = 256,
      .discard_size = 256,
      .checks = Checks::RSB_CHECKS,
      .map = Map::flat,
  };
  static void exhausted() noexcept { platform::exhausted(); }  // errno
};

}  // namespace rsb
