// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/faults.hpp"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/watched_lock.hpp"

namespace {

// One call of fault_of(); they may be nested.
struct Landing {
  Landing() { innermost = this; }
  // Also when an exception of a test leaves fault_of().
  ~Landing() { innermost = outer; }
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  static inline constinit Landing* innermost = nullptr;

  Landing* const outer = innermost;
  jmp_buf place;
  int caught = support::no_fault;
};

const void* caught_address = nullptr;

[[noreturn]] void end(const char* sentence) {
  fputs(sentence, stderr);
  fputs("\n", stderr);
  abort();
}

}  // namespace

int support::fault_of(void (*f)(void*), void* context) {
  caught_address = nullptr;
  Landing landing;
  if (setjmp(landing.place) == 0) f(context);
  return landing.caught;
}

const void* support::fault_address() {
  return caught_address;
}

extern "C" void rsb_fault(rsb_fault_kind kind, const void* address) {
  if (support::WatchedLock::is_held()) end("fault hook called with the lock held");
  Landing* const landing = Landing::innermost;
  if (landing == nullptr) {
    fprintf(stderr, "unexpected fault %d at %p\n", static_cast<int>(kind), address);
    end("a test may only raise faults inside fault_of()");
  }
  landing->caught = kind;
  caught_address = address;
  longjmp(landing->place, 1);
}
