// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Annotations must have allocated, resized, released, opened, enter and leave
#include "annotations.hpp"

struct Others : GoodAnnotations {
#ifdef BROKEN
  static void released(const rsb::AnnotatedBlock&) {}
#endif
};

struct Configuration : Config<rsb::Options{.checks = rsb::Checks::full}> {
  using Annotations = Others;
};

constinit rsb::Heap<Configuration> heap;
