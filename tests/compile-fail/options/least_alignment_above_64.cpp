// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::least_alignment must be a power of two up to 64 bytes, or 0
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.least_alignment = 128};
#else
constexpr rsb::Options options{.least_alignment = 64};
#endif

constinit rsb::Heap<Config<options>> heap;
