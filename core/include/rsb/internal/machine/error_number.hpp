// SPDX-License-Identifier: MIT OR Apache-2.0
// errno, for platforms that know no C library: that of the program's, if rsb::libc replaces its
// allocator and knows how to find it (platform/libc). A program without rsb::libc needs no errno,
// and none is set there.
//
// Room machine: anything in this tree may include it.
#pragma once

#include "rsb/arch.hpp"

// Where the errno of whoever calls is; null unless linked.
extern "C" [[gnu::weak]] int* rsb_errno() noexcept;

namespace rsb {

inline constexpr int error_no_memory = 12;  // ENOMEM, everywhere
inline constexpr int error_invalid = 22;    // EINVAL

// rsb_errno, or null: in memory, where instructions do not reach it (see fault.hpp).
inline int* (*const volatile errno_hook)() noexcept = rsb_errno;

inline void set_errno(int number) noexcept {
  if constexpr (reaches_weak_symbols) {
    if (&rsb_errno != nullptr) *rsb_errno() = number;
  } else {
    if (const auto hook = errno_hook) *hook() = number;
  }
}

}  // namespace rsb
