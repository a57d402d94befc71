// SPDX-License-Identifier: MIT OR Apache-2.0
// What the default fault hook says.
#pragma once

#include "rsb/rsb.h"

namespace rsb::platform {

// On standard error: the sentence, what block the address lies in, who allocated and freed it, and
// a backtrace from the function on that returns to `behind`. Allocates nothing, loads nothing.
void report_fault(rsb_fault_kind kind, const void* address, const void* behind) noexcept;

}  // namespace rsb::platform
