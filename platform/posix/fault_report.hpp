// SPDX-License-Identifier: MIT OR Apache-2.0
// What the default fault hook says besides its sentence.
#pragma once

#include "rsb/rsb.h"

namespace rsb::platform {

// On standard error, which must be there for it: what block the address lies in, and who allocated
// and freed it, the thread, and a backtrace from the function on that returns to `behind`.
// Allocates nothing, and loads nothing. By one thread of the process. The process aborts if it
// takes too long.
void report_fault(rsb_fault_kind kind, const void* address, const void* behind) noexcept;

// The same faults are found when the program ends: the report says so.
void note_end_of_program() noexcept;

}  // namespace rsb::platform
