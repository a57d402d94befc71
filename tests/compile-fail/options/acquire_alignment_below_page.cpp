// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::acquire_alignment must be a power of two and at least one page
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.acquire_alignment = 4096};
#else
constexpr rsb::Options options{.acquire_alignment = 16384};
#endif

constinit rsb::Heap<Config<options>> heap;
