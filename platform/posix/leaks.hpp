// SPDX-License-Identifier: MIT OR Apache-2.0
// What lives when a process ends, by who has allocated it.
#pragma once

#include "report_text.hpp"

namespace rsb::platform {

// As write_table(): a line for each call that has allocated blocks that are live, first those with
// the most bytes. Known with checks `full`; with others it says so. Allocates nothing in the heap.
void write_leaks(int descriptor, const Process& process) noexcept;

}  // namespace rsb::platform
