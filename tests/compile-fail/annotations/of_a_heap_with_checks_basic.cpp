// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: a configuration with Annotations needs Checks::full
#include "annotations.hpp"

#ifdef BROKEN
constexpr auto level = rsb::Checks::basic;
#else
constexpr auto level = rsb::Checks::full;
#endif

struct Configuration : Config<rsb::Options{.checks = level}> {
  using Annotations = GoodAnnotations;
};

constinit rsb::Heap<Configuration> heap;
