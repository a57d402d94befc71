// SPDX-License-Identifier: MIT OR Apache-2.0
// Which descriptor may be told what happened: the numbers that a process began with may have become
// those of files that are none of ours.
#pragma once

namespace rsb::platform {

// Whether the descriptor is the file that was standard error when the process began (or when the
// library was loaded): the same device and inode, born at the same time where that can be told.
// Async-signal-safe.
bool is_first_standard_error(int descriptor) noexcept;

// Whether what is standard error now is there to be written to: the file that it was in the
// beginning, or one that it was sent to on purpose, for all that can be told. That is a terminal or
// another character device, where standard output goes too, or is open for appending, as logs are.
// What else a program has opened after it closed its standard error may be a data base, or the
// other end of a protocol; so may all be in a program that began without. Async-signal-safe.
bool may_write_to_standard_error() noexcept;

}  // namespace rsb::platform
