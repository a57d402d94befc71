// SPDX-License-Identifier: MIT OR Apache-2.0
// The built heap on bare metal.
#pragma once

#include "bare_metal.hpp"

namespace rsb {

struct Instance : BareMetal {};

}  // namespace rsb
