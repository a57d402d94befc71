// The built instance: the one heap behind the C names and operator new.
#pragma once

#include RSB_CONFIG_HEADER

#include "rsb/cached_heap.hpp"
#include "rsb/platform.hpp"

namespace rsb {

// With caches, if the configuration has Seats for them.
extern constinit HeapOf<Instance> instance;

}  // namespace rsb
