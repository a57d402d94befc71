// SPDX-License-Identifier: MIT OR Apache-2.0
// How the built instance gets at the errno of a C runtime that it does not need.
#pragma once

namespace rsb::platform {

using Errno = int* (*)();

// Where a thread's errno is; null if the program does without. Set before main by errno.cpp.
extern constinit Errno errno_of_thread;

}  // namespace rsb::platform
