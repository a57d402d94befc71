// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"

namespace rsb {

struct Instance {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options{.page_size = 64 * KiB, .span_size = 64 * KiB};
  static void exhausted() noexcept { platform::exhausted(); }  // errno, where there is one
};

}  // namespace rsb
