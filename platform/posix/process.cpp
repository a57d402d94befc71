// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built instance does at the events of a process: its start, exhaustion, a fault.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access_report.hpp"
#include "fault_report.hpp"
#include "fork.hpp"
#include "instance.hpp"
#include "report.hpp"
#include "standard_error.hpp"

namespace {

[[gnu::constructor(101)]] void start() {
  rsb::platform::register_fork_handlers();
  rsb::platform::prepare_report();
  rsb::platform::report_accesses();
}

}  // namespace

void rsb::platform::exhausted() noexcept {
  errno = ENOMEM;
}

void rsb::platform::invalid_argument() noexcept {
  errno = EINVAL;
}

// The default fault hook: says what happened on standard error, if that is there for it, and
// aborts.
extern "C" [[gnu::weak]] void rsb_fault(rsb_fault_kind kind, const void* address) {
  if (!rsb::platform::may_write_to_standard_error()) abort();
  rsb::platform::begin_to_report();
  const rsb::platform::NoCancellation no_cancellation;  // for good: abort() does not return
  rsb::platform::report_fault(rsb_fault_name(kind), kind, address, __builtin_return_address(0));
  rsb::platform::end_report();
  abort();
}
