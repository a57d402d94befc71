// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::span_size must be from 256 bytes to 64 KiB: slot links are 16-bit
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.span_size = 128 * 1024};
#else
constexpr rsb::Options options{.span_size = 64 * 1024};
#endif

constinit rsb::Heap<Config<options>> heap;
