// aarch64 Linux with pages of 64 KiB: the heap's page must be no smaller than the kernel's. The
// program still runs on kernels with pages of 4 and 16 KiB.
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"

namespace rsb {

struct Instance {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options = [] {
    Options o = platform::options;
    o.page_size = 64 * KiB;
    o.span_size = 64 * KiB;
    o.checks = Checks::RSB_CHECKS;
    return o;
  }();
  static void exhausted() noexcept { platform::exhausted(); }
};

}  // namespace rsb
