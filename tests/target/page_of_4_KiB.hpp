// SPDX-License-Identifier: MIT OR Apache-2.0
// A configuration for systems with pages of 4 KiB, and for no others.
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"

namespace rsb {

struct Instance {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options{.page_size = 4 * KiB};
  static void exhausted() noexcept { platform::exhausted(); }
};

}  // namespace rsb
