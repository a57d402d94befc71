// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::radix_leaf_bits and radix_inner_bits make a node larger than the page source
#include "config.hpp"

// Regions handed over by address are not where a radix map has its nodes from.
#ifdef BROKEN
constexpr rsb::Options options{};
#else
constexpr rsb::Options options{.map = rsb::Map::flat};
#endif

constinit rsb::Heap<Config<options, rsb::NoPages>> heap;
