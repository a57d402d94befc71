// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::span_size must be from 256 bytes to 64 KiB: slot links are 16-bit
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.page_size = 64, .span_size = 128, .map = rsb::Map::flat};
#else
constexpr rsb::Options options{.page_size = 64, .span_size = 256, .map = rsb::Map::flat};
#endif

constinit rsb::Heap<Config<options>> heap;
