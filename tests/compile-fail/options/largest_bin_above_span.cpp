// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::largest_bin must be from 16 bytes to span_size, or 0
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.largest_bin = 32768};
#else
constexpr rsb::Options options{.largest_bin = 8192};
#endif

constinit rsb::Heap<Config<options>> heap;
