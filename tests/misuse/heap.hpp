// SPDX-License-Identifier: MIT OR Apache-2.0
// Heaps of the program's own, for bugs that are not the allocating code's.
#pragma once

#include "rsb/heap.hpp"
#include "rsb/platform.hpp"

namespace misuse {

template <class Source, rsb::Options chosen = rsb::Options{}>
struct Config {
  using Pages = Source;
  using Lock = rsb::SpinLock;
  static constexpr rsb::Options options = chosen;
};

}  // namespace misuse
