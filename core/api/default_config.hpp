// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance's configuration unless RSB_CONFIG_HEADER names another: the platform's
// defaults and the level of checks that the build asks for. A header of the user's defines the same
// struct.
#pragma once

#include "platform_config.hpp"

namespace rsb {

struct Instance : PlatformConfig {};

}  // namespace rsb
