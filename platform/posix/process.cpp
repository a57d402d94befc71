// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built instance does at the events of a process: its start, exhaustion, a fault.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fork.hpp"
#include "instance.hpp"
#include "report.hpp"
#include "standard_error.hpp"

namespace {

[[gnu::constructor(101)]] void start() {
  rsb::platform::register_fork_handlers();
  rsb::platform::prepare_report();
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
  // No stdio: it allocates.
  char text[160];
  char* end = stpcpy(text, "rsbmalloc: ");
  end = stpcpy(end, rsb_fault_name(kind));
  end = stpcpy(end, " (address 0x");
  for (int shift = sizeof(void*) * 8 - 4; shift >= 0; shift -= 4) {
    *end++ = "0123456789abcdef"[rsb::address_of(address) >> shift & 15];
  }
  end = stpcpy(end, ")\n");
  const rsb::platform::NoCancellation no_cancellation;  // for good: abort() does not return
  if (write(STDERR_FILENO, text, static_cast<size_t>(end - text)) < 0) abort();
  abort();
}
