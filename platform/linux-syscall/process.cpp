// SPDX-License-Identifier: MIT OR Apache-2.0
// The default fault hook: says what happened on standard error, and traps.
#include "rsb/fault.hpp"
#include "rsb/platform.hpp"

namespace {

void print(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  rsb::platform::system_call(rsb::platform::sys_write, 2, rsb::address_of(text), length);
}

}  // namespace

void rsb::platform::invalid_argument() noexcept {}

extern "C" [[gnu::weak]] void rsb_fault(rsb_fault_kind kind, const void*) {
  print("rsbmalloc: ");
  print(rsb_fault_name(kind));
  print("\n");
  __builtin_trap();
}
