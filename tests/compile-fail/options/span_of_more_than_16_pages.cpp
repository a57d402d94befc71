// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::span_size must be at most 16 pages
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.page_size = 512, .span_size = 16384, .map = rsb::Map::flat};
#else
constexpr rsb::Options options{.page_size = 1024, .span_size = 16384, .map = rsb::Map::flat};
#endif

constinit rsb::Heap<Config<options>> heap;
