// SPDX-License-Identifier: MIT OR Apache-2.0
// A platform's own configuration, for a core without the atomic instructions that its lock needs.
#pragma once

#include "platform_config.hpp"

namespace rsb {

struct Instance : PlatformConfig {
  using Lock = InterruptLock<CoreInterrupts>;
};

}  // namespace rsb
