// SPDX-License-Identifier: MIT OR Apache-2.0
// The default fault hook: says what happened on standard error, and ends the process as abort()
// of Microsoft's C runtime does. In an object file of its own, and strong, since weak
// definitions are not to be relied upon in this object format: a program that defines rsb_fault()
// does not link it. So this must not include the heap, which declares a weak one.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "fault_report.hpp"

namespace {

// The thread that reports a fault; 0: none. A fault of the report itself ends the process, and so
// does that of another thread.
constinit unsigned long reporter = 0;

[[noreturn]] void end() noexcept {
  asm volatile("int $0x29" : : "c"(FAST_FAIL_FATAL_APP_EXIT) : "memory");
  __builtin_unreachable();
}

}  // namespace

extern "C" void rsb_fault(rsb_fault_kind kind, const void* address) {
  const unsigned long self = GetCurrentThreadId();
  unsigned long other = 0;
  if (!__atomic_compare_exchange_n(&reporter, &other, self, false, __ATOMIC_RELAXED,
                                   __ATOMIC_RELAXED)) {
    if (other != self) Sleep(1'000);  // the other is told first
    end();
  }
  rsb::platform::report_fault(kind, address, __builtin_return_address(0));
  end();
}
