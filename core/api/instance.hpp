// The built instance: the one heap behind the C names and operator new.
#pragma once

#include RSB_CONFIG_HEADER

#include "rsb/heap.hpp"
#include "rsb/platform.hpp"

namespace rsb {

extern constinit Heap<Instance> instance;

}  // namespace rsb
