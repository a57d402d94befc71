// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <rsb/inspector.hpp>

#include "own.hpp"

namespace world {

struct Config : Base {
  using Pages = rsb::platform::Pages;
  static constexpr rsb::Options options{.checks = rsb::Checks::full};
};
inline constinit rsb::Heap<Config> heap;

inline void begin() {}
inline void clear() {}

}  // namespace world

RSB_WORLD_OF(heap)
