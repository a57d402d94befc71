// SPDX-License-Identifier: MIT OR Apache-2.0
// Catches what the heap reports to rsb_fault(), which the tests define: a fault that is expected
// jumps back into the test; any other ends the program.
#pragma once

#include "rsb/rsb.h"

namespace support {

inline constexpr int no_fault = 0;

// Runs f(context). The kind of the fault that it raised, else no_fault. The rest of f is skipped
// then, without destructors.
int fault_of(void (*f)(void*), void* context);

// The same for a lambda without arguments.
template <class F>
int fault_of(F&& f) {
  return fault_of([](void* context) { (*static_cast<decltype(&f)>(context))(); }, &f);
}

// What the last caught fault named as its address.
const void* fault_address();

}  // namespace support
