// SPDX-License-Identifier: MIT OR Apache-2.0
// The heap's statistics as text. Without stdio: a FILE of the program's may be closed, a new one
// would be allocated, and static programs need not have printf.
#pragma once

#include <stddef.h>
#include <sys/types.h>

namespace rsb::platform {

struct Process {
  const char* program;  // its name: any bytes
  pid_t id;
};

// To the descriptor, in one write() if it will do: lines for people, or one line that is an object
// of JSON, whose keys are those of rsb_stats and rsb_bin_stats. By one thread of the process.
void write_table(int descriptor, const Process& process) noexcept;
void write_json(int descriptor, const Process& process) noexcept;

}  // namespace rsb::platform
