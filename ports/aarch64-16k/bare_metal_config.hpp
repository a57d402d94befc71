// The built heap on bare metal.
#pragma once

#include "bare_metal.hpp"

namespace rsb {

struct Instance : BareMetal {};

}  // namespace rsb
