// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::radix_leaf_bits and radix_inner_bits must leave bits for the root
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.radix_leaf_bits = 18, .radix_inner_bits = 16};
#else
constexpr rsb::Options options{.radix_leaf_bits = 18, .radix_inner_bits = 15};
#endif

constinit rsb::Heap<Config<options>> heap;
