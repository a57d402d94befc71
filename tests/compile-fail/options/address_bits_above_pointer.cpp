// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::address_bits must fit a pointer and exceed the bits of a page
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.map = rsb::Map::flat, .address_bits = 65};
#else
constexpr rsb::Options options{.map = rsb::Map::flat, .address_bits = 64};
#endif

constinit rsb::Heap<Config<options>> heap;
