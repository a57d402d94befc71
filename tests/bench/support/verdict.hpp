// SPDX-License-Identifier: MIT OR Apache-2.0
// How the programs print a measured value beside its target.
#pragma once

#include <cstdio>

namespace bench {

enum class Bound { at_most, at_least };

struct Target {
  Bound bound;
  double value;
};

// Prints one line; returns whether the target is met.
inline bool report(const char* what, double value, const char* unit, Target target) noexcept {
  const bool met = target.bound == Bound::at_most ? value <= target.value : value >= target.value;
  std::printf("  %-58s %10.3f %-6s %s %g: %s\n", what, value, unit,
              target.bound == Bound::at_most ? "at most" : "at least", target.value,
              met ? "met" : "MISSED");
  return met;
}

// For values without a target.
inline void report(const char* what, double value, const char* unit) noexcept {
  std::printf("  %-58s %10.3f %s\n", what, value, unit);
}

}  // namespace bench
