// SPDX-License-Identifier: MIT OR Apache-2.0
// With checks `full`: a look at the heap when the program ends.
#pragma once

namespace rsb::platform {

// At exit: what was written to freed blocks that have waited until now, or beside blocks that are
// live, is a fault, as if it had been found by a call; of anything else that rsb_check() finds the
// program aborts, too, after its sentence. Nothing with other checks; in a signal handler that has
// interrupted a call of the heap; nor where another thread is in a call that does not end.
void check_at_end() noexcept;

}  // namespace rsb::platform
