// SPDX-License-Identifier: MIT OR Apache-2.0
// What is said on standard error of a fault.
#pragma once

#include "rsb/rsb.h"

namespace rsb::platform {

// Around a report. A fault of the report itself ends the process. Other threads wait: it ends in
// any case, unless a handler of a signal jumps out.
void begin_to_report() noexcept;
void end_report() noexcept;

// On standard error, which must be there for it: the sentence and the address, on a line that is
// the same in all versions; what block the address lies in, and who allocated and freed it, the
// thread, and a backtrace from the function on that returns to `behind`; null: from the one that a
// signal has interrupted. Allocates nothing, and loads nothing. The process aborts if it takes too
// long, or the line cannot be written.
void report_fault(const char* sentence, rsb_fault_kind kind, const void* address,
                  const void* behind) noexcept;

// In the child of a fork: a thread that reported in the parent is not there.
void forget_other_reporter() noexcept;

// The same faults are found when the program ends: the report says so.
void note_end_of_program() noexcept;

}  // namespace rsb::platform
