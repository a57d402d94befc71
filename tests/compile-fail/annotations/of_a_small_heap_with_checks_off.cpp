// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: a configuration with Annotations needs Checks::full
#include "annotations.hpp"
#include "rsb/small_heap.hpp"

struct Configuration {
  using Lock = GoodLock;
  using Annotations = GoodAnnotations;
#ifdef BROKEN
  static constexpr rsb::SmallOptions options{.checks = rsb::Checks::off};
#else
  static constexpr rsb::SmallOptions options{.checks = rsb::Checks::full};
#endif
};

constinit rsb::SmallHeap<Configuration> heap;
