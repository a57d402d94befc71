// SPDX-License-Identifier: MIT OR Apache-2.0
// With checks `full`: accesses to the pages that lie around large blocks, and to large blocks that
// were freed, are reported before the process ends by them.
#pragma once

namespace rsb::platform {

// From now on. Whoever handled the signal before is called afterwards, and alone for any other
// access; who handles it from later on has it for himself. Nothing with other checks.
void report_accesses() noexcept;

}  // namespace rsb::platform
