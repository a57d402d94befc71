// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap's memory as Valgrind's memcheck sees it, which then tells by whom a block was allocated
// and released, and what of it was never written. Some instructions that do nothing where there is
// no Valgrind.
#pragma once

#include <valgrind/memcheck.h>

#include "rsb/annotations.hpp"

namespace rsb::platform {

struct Annotations {
  static void allocated(const AnnotatedBlock& b, Contents contents) noexcept {
    close_around(b);
    VALGRIND_MALLOCLIKE_BLOCK(b.block, b.size, 0, contents == Contents::zeroes);
  }
  static void resized(const AnnotatedBlock& b, size_t old_size) noexcept {
    VALGRIND_RESIZEINPLACE_BLOCK(b.block, old_size, b.size, 0);
    // What it has lost is the heap's now, but for what is around the block.
    if (old_size > b.size) opened(b.block_end(), old_size - b.size);
    close_around(b);
  }
  static void released(const AnnotatedBlock& b) noexcept {
    VALGRIND_FREELIKE_BLOCK(b.block, 0);
    close_around(b);
  }
  static void opened(void* base, size_t bytes) noexcept {
    (void)VALGRIND_MAKE_MEM_DEFINED(base, bytes);
  }

  // Of the calling thread nothing is reported in between.
  static void enter() noexcept { VALGRIND_DISABLE_ERROR_REPORTING; }
  static void leave() noexcept { VALGRIND_ENABLE_ERROR_REPORTING; }

 private:
  static void close_around(const AnnotatedBlock& b) noexcept {
    (void)VALGRIND_MAKE_MEM_NOACCESS(b.begin, bytes_from(b.begin, b.block));
    (void)VALGRIND_MAKE_MEM_NOACCESS(b.block_end(), bytes_from(b.block_end(), b.end));
  }
};

}  // namespace rsb::platform
