// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::acquire_size must be whole pages and at least one span
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.acquire_size = 100'000};
#else
constexpr rsb::Options options{.acquire_size = 98'304};
#endif

constinit rsb::Heap<Config<options>> heap;
