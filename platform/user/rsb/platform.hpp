// SPDX-License-Identifier: MIT OR Apache-2.0
// The user's page source: the two functions rsb_pages_acquire() and rsb_pages_release() of
// rsb/rsb.h. For kernels, firmware and everything else.
#pragma once

#include "rsb/internal/machine/error_number.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/random_hook.hpp"
#include "rsb/rsb.h"

namespace rsb::platform {

// Satisfies rsb::PageSource.
class Pages {
 public:
  void* acquire(size_t bytes, size_t alignment) noexcept {
    return rsb_pages_acquire(bytes, alignment);
  }
  bool release(void* base, size_t bytes) noexcept {
    rsb_pages_release(base, bytes);
    return true;
  }

  // For rsb::KnowsRandom.
  static uint32_t random() noexcept { return random_of_hook(); }
};

using Lock = SpinLock;

// Modest steps, and a map with an inner level: its nodes come from the user's pages.
inline constexpr Options options{
    .acquire_size = 256 * KiB,
    .acquire_alignment = 16 * KiB,
    .keep_free = 1 * MiB,
    .discard_size = 64 * KiB,
    .radix_leaf_bits = sizeof(void*) == 8 ? 10 : 8,
    .radix_inner_bits = sizeof(void*) == 8 ? 12 : 0,
};

inline void exhausted() noexcept {
  set_errno(error_no_memory);
}
inline void invalid_argument() noexcept {
  set_errno(error_invalid);
}

}  // namespace rsb::platform
