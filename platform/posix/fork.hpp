// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance and fork; see fork.cpp.
#pragma once

namespace rsb::platform {

// Once, at the start of the process or of the library: the sooner the better.
void register_fork_handlers() noexcept;

}  // namespace rsb::platform
