// SPDX-License-Identifier: MIT OR Apache-2.0
// The default fault hook: says what happened on standard error, and ends the process as abort()
// of Microsoft's C runtime does. In an object file of its own, and strong, since weak
// definitions are not to be relied upon in this object format: a program that defines rsb_fault()
// does not link it.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "rsb/rsb.h"

namespace {

char* append(char* end, const char* text) noexcept {
  while (*text != '\0') *end++ = *text++;
  return end;
}

}  // namespace

extern "C" void rsb_fault(rsb_fault_kind kind, const void* address) {
  char text[160];
  char* end = append(text, "rsbmalloc: ");
  end = append(end, rsb_fault_name(kind));
  end = append(end, " (address 0x");
  const auto number = reinterpret_cast<uintptr_t>(address);
  for (int shift = sizeof(void*) * 8 - 4; shift >= 0; shift -= 4) {
    *end++ = "0123456789abcdef"[number >> shift & 15];
  }
  end = append(end, ")\r\n");
  DWORD written;
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), text, static_cast<DWORD>(end - text), &written,
            nullptr);
  asm volatile("int $0x29" : : "c"(FAST_FAIL_FATAL_APP_EXIT) : "memory");
  __builtin_unreachable();
}
