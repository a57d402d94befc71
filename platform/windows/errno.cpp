// SPDX-License-Identifier: MIT OR Apache-2.0
// errno, for programs that have a C runtime and link this: the linker is told to by rsb::libc, and
// by others with -u,rsb_sets_errno.
#include "rsb/errno.hpp"

extern "C" {

extern const char rsb_sets_errno = 1;

__declspec(dllimport) int* __cdecl _errno();

}  // extern "C"

namespace {

[[gnu::constructor]] void start() {
  rsb::platform::errno_of_thread = &_errno;
}

}  // namespace
