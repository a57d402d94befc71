// SPDX-License-Identifier: MIT OR Apache-2.0
// The trap flag of an x86-64 processor: while it is set, there is a trap after every instruction.
// On Linux a SIGTRAP, whose handler is not stepped itself.
#pragma once

namespace support {

[[gnu::always_inline]] inline void set_trap_flag() noexcept {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n\t"  // past the red zone
      "pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
      "lea 128(%%rsp), %%rsp"
      :
      :
      : "memory", "cc");
}

[[gnu::always_inline]] inline void clear_trap_flag() noexcept {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n\t"
      "pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t"
      "lea 128(%%rsp), %%rsp"
      :
      :
      : "memory", "cc");
}

}  // namespace support
