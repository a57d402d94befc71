// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::radix_leaf_bits and radix_inner_bits leave too large a root
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.radix_leaf_bits = 6, .radix_inner_bits = 6};
#else
constexpr rsb::Options options{.radix_leaf_bits = 14, .radix_inner_bits = 12};
#endif

constinit rsb::Heap<Config<options>> heap;
