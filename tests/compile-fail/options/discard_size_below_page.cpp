// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::discard_size must be at least one page
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.discard_size = 4096};
#else
constexpr rsb::Options options{.discard_size = 16384};
#endif

constinit rsb::Heap<Config<options>> heap;
