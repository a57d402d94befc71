// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <rsb/cached_inspector.hpp>
#include <rsb/thread_seats.hpp>

#include "own.hpp"

namespace world {

struct Config : Base {
  using Pages = rsb::platform::Pages;
  using Seats = rsb::platform::ThreadSeats<Config>;
  static constexpr rsb::Options options{.checks = rsb::Checks::full};
};
inline constinit rsb::CachedHeap<Config> heap;

inline void begin() {}
inline void clear() {}

}  // namespace world

RSB_WORLD_OF(heap)
