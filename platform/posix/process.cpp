// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built instance does at the events of a process: its start, exhaustion, a fault.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_report.hpp"
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

namespace {

// The thread that reports a fault; 0: none.
constinit uintptr_t reporter = 0;

// A fault of the report itself ends the process. Other threads wait: it ends in any case, unless a
// handler of SIGABRT jumps out.
void begin_to_report() noexcept {
  const auto self = reinterpret_cast<uintptr_t>(&errno);  // each thread's own
  for (;;) {
    uintptr_t other = 0;
    if (__atomic_compare_exchange_n(&reporter, &other, self, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
      return;
    }
    if (other == self) abort();
    rsb::platform::Scheduler::sleep(10'000);
  }
}

}  // namespace

// The default fault hook: says what happened on standard error, if that is there for it, and
// aborts.
extern "C" [[gnu::weak]] void rsb_fault(rsb_fault_kind kind, const void* address) {
  if (!rsb::platform::may_write_to_standard_error()) abort();
  begin_to_report();
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
  rsb::platform::report_fault(kind, address, __builtin_return_address(0));
  __atomic_store_n(&reporter, uintptr_t{0}, __ATOMIC_RELAXED);
  abort();
}
