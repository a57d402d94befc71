// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::span_size must be a power of two and at least one page
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.page_size = 16384, .span_size = 8192, .map = rsb::Map::flat};
#else
constexpr rsb::Options options{.page_size = 8192, .span_size = 8192, .map = rsb::Map::flat};
#endif

constinit rsb::Heap<Config<options>> heap;
