// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::removable_regions must be at least 1
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.removable_regions = 0};
#else
constexpr rsb::Options options{.removable_regions = 1};
#endif

constinit rsb::Heap<Config<options>> heap;
