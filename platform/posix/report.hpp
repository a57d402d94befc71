// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built instance says when a process ends that has RSB_STATS in its environment.
#pragma once

namespace rsb::platform {

// Once, at the start of the process or of the library: looks whether a report is wanted, and keeps
// what it takes.
void prepare_report() noexcept;

// Writes the report, if one is wanted and this process has not written its own. Nothing in a
// process that shares the memory of another (a child of vfork): it changes nothing there, either.
// Nothing in a signal handler that has interrupted a call of the heap. Waits for other threads that
// are inside the heap, allocates nothing, and raises no signal. Async-signal-safe.
void report() noexcept;

}  // namespace rsb::platform
