// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance's configuration with RSB_ANNOTATIONS: the usual one, whose blocks tools that
// look on are told of.
#pragma once

#include "platform_config.hpp"
#include "rsb/platform_annotations.hpp"

namespace rsb {

struct Instance : PlatformConfig {
  using Annotations = platform::Annotations;
};

}  // namespace rsb
