// SPDX-License-Identifier: MIT OR Apache-2.0
// What a configuration may have as its Annotations.
#pragma once

#include "config.hpp"
#include "rsb/annotations.hpp"

struct GoodAnnotations {
  static void allocated(const rsb::AnnotatedBlock&, rsb::Contents) noexcept {}
  static void resized(const rsb::AnnotatedBlock&, size_t) noexcept {}
  static void released(const rsb::AnnotatedBlock&) noexcept {}
  static void opened(void*, size_t) noexcept {}
  static void enter() noexcept {}
  static void leave() noexcept {}
};
