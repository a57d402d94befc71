// SPDX-License-Identifier: MIT OR Apache-2.0
// aarch64 Linux with pages of 64 KiB: the allocator's page must be no smaller than the kernel's.
// Programs still run on kernels with pages of 4 and of 16 KiB. A span is a page at least, so a
// program with few blocks of many sizes needs more memory than with smaller pages.
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
  static uint32_t random() noexcept { return platform::Pages::random(); }
};

}  // namespace rsb
