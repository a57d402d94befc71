// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::acquire_size must be less than 2^32 pages, and less than address_bits
// reaches
#include "config.hpp"

constexpr rsb::Options with_acquire_size(size_t bytes) {
  return {.page_size = 64, .span_size = 1024, .acquire_size = bytes, .map = rsb::Map::flat};
}

#ifdef BROKEN
constinit rsb::Heap<Config<with_acquire_size(size_t{64} << 32)>> heap;
#else
constinit rsb::Heap<Config<with_acquire_size((size_t{64} << 32) - 64)>> heap;
#endif
