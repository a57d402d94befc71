// SPDX-License-Identifier: MIT OR Apache-2.0
#include "runtime.hpp"

#include "rsb/syscall.hpp"

using rsb::platform::system_call;
using rsb::platform::SystemCall;

extern "C" {

int main();

[[noreturn, gnu::used]] void start() {
  exit_with(main());
}

[[noreturn]] void __cxa_pure_virtual() {
  exit_with(2);
}

}  // extern "C"

#if defined(__x86_64__)
asm(".globl _start\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  and $-16, %rsp\n"
    "  call start\n"
    "  hlt\n");
constexpr auto exit_group = static_cast<SystemCall>(231);
#else
asm(".globl _start\n"
    "_start:\n"
    "  mov x29, #0\n"
    "  mov x30, #0\n"
    "  b start\n");
constexpr auto exit_group = static_cast<SystemCall>(94);
#endif

void exit_with(int status) {
  for (;;) system_call(exit_group, static_cast<uintptr_t>(status));
}

void print(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') length++;
  system_call(rsb::platform::sys_write, 2, reinterpret_cast<uintptr_t>(text), length);
}
