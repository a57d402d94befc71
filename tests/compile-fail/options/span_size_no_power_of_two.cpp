// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::span_size must be a power of two and at least one page
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.page_size = 4096, .span_size = 12 * 1024, .map = rsb::Map::flat};
#else
constexpr rsb::Options options{.page_size = 4096, .span_size = 8 * 1024, .map = rsb::Map::flat};
#endif

constinit rsb::Heap<Config<options>> heap;
