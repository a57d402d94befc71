// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::acquire_size must be whole pages and at least one span
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.page_size = 4096, .acquire_size = 8192, .map = rsb::Map::flat};
#else
constexpr rsb::Options options{.page_size = 4096, .acquire_size = 16384, .map = rsb::Map::flat};
#endif

constinit rsb::Heap<Config<options>> heap;
