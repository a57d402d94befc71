// SPDX-License-Identifier: MIT OR Apache-2.0
// aarch64 Linux with pages of 16 KiB: the allocator's page is as large. So it is by default, too; a
// program built with this header also stays so.
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"

namespace rsb {

struct Instance {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options = [] {
    Options o = platform::options;
    o.page_size = 16 * KiB;
    o.span_size = 16 * KiB;
    o.checks = Checks::RSB_CHECKS;
    return o;
  }();
  static void exhausted() noexcept { platform::exhausted(); }
  static uint32_t random() noexcept { return platform::Pages::random(); }
};

}  // namespace rsb
