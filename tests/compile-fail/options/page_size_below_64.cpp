// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::page_size must be a power of two, 64 bytes or more
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.page_size = 32, .span_size = 256, .map = rsb::Map::flat};
#else
constexpr rsb::Options options{.page_size = 64, .span_size = 256, .map = rsb::Map::flat};
#endif

constinit rsb::Heap<Config<options>> heap;
