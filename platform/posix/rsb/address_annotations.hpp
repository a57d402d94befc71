// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap's memory as AddressSanitizer sees it: what is nobody's is poisoned, and an access to it is
// reported as a use-after-poison. From a block's start on, whose address is a multiple of 8, its
// size is kept to the byte.
#pragma once

#include <sanitizer/asan_interface.h>

#include "rsb/annotations.hpp"

namespace rsb::platform {

struct Annotations {
  static void allocated(const AnnotatedBlock& b, Contents) noexcept {
    __asan_poison_memory_region(b.begin, bytes_from(b.begin, b.block));
    __asan_poison_memory_region(b.block_end(), bytes_from(b.block_end(), b.end));
  }
  static void resized(const AnnotatedBlock& b, size_t) noexcept {
    __asan_unpoison_memory_region(b.block, b.size);
    __asan_poison_memory_region(b.block_end(), bytes_from(b.block_end(), b.end));
  }
  static void released(const AnnotatedBlock& b) noexcept {
    __asan_poison_memory_region(b.begin, b.bytes());
  }
  static void opened(void* base, size_t bytes) noexcept {
    __asan_unpoison_memory_region(base, bytes);
  }

  // The heap's own accesses are not instrumented, whichever thread's they are.
  static void enter() noexcept {}
  static void leave() noexcept {}
};

}  // namespace rsb::platform
