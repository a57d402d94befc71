// SPDX-License-Identifier: MIT OR Apache-2.0
// Options by the size of the system, to begin with:
//
//   static constexpr rsb::Options options = [] {
//     rsb::Options o = rsb::presets::small_kernel;
//     o.checks = rsb::Checks::off;
//     return o;
//   }();
//
// What each takes for the same loads is measured by tests/bench/presets.cpp, and stands in
// ports/kernel/README.md.
#pragma once

#include "rsb/options.hpp"

namespace rsb::presets {

// Up to some MiB of memory: a page at a time, and little is kept. Windows
// (PageAllocator::add_windows) tell where memory is.
inline constexpr Options small_kernel{
    .page_size = 4 * KiB,
    .span_size = 4 * KiB,
    .acquire_size = 4 * KiB,
    .acquire_alignment = 4 * KiB,
    .keep_free = 64 * KiB,
    .discard_size = 4 * KiB,
    .map = Map::flat,
};

// A kernel with a buddy allocator whose blocks are 512 KiB and more, wherever its memory lies.
// Addresses of 57 bits do as well: those of one half agree above the 48th.
inline constexpr Options kernel{
    .page_size = 4 * KiB,
    .span_size = 16 * KiB,
    .largest_bin = 8 * KiB,
    .acquire_size = 128 * KiB,
    .acquire_alignment = 4 * KiB,
    .keep_free = 1 * MiB,
    .discard_size = 4 * KiB,
    .map = Map::radix,
    .address_bits = sizeof(void*) == 8 ? 48 : 32,
    .radix_leaf_bits = sizeof(void*) == 8 ? 12 : 10,
    .radix_inner_bits = sizeof(void*) == 8 ? 12 : 0,
};

// Demand-zero memory in plenty, as on Linux.
inline constexpr Options server{};

}  // namespace rsb::presets
