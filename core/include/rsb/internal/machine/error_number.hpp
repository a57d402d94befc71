// errno, for platforms that know no C library: that of the program's, if rsb::libc replaces its
// allocator and knows how to find it (platform/libc). A program without rsb::libc needs no errno,
// and none is set there.
//
// Room machine: anything in this tree may include it.
#pragma once

// Where the errno of whoever calls is; null unless linked.
extern "C" [[gnu::weak]] int* rsb_errno() noexcept;

namespace rsb {

inline constexpr int error_no_memory = 12;  // ENOMEM, everywhere
inline constexpr int error_invalid = 22;    // EINVAL

// rsb_errno, or null. In memory, for the same reason as fault_hook is (fault.hpp).
inline int* (*const volatile errno_hook)() noexcept = rsb_errno;

inline void set_errno(int number) noexcept {
  if (const auto hook = errno_hook) *hook() = number;
}

}  // namespace rsb
