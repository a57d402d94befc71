// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::acquire_size must be less than 2^32 pages, and less than address_bits
// reaches
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.address_bits = 25, .radix_leaf_bits = 6, .radix_inner_bits = 0};
#else
constexpr rsb::Options options{.address_bits = 26, .radix_leaf_bits = 6, .radix_inner_bits = 0};
#endif

constinit rsb::Heap<Config<options>> heap;
