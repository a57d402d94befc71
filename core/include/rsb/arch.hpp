// What differs between processors: the one file of core that may ask which one it is compiled for.
#pragma once

#include <stdint.h>

namespace rsb {

// Tells the processor that this thread waits for another one: saves power, and gives a sibling
// hardware thread the execution units. Never blocks, has no memory ordering.
inline void spin_hint() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
  asm volatile("yield" ::: "memory");
#elif defined(__riscv)
  asm volatile(".insn i 0x0F, 0, x0, x0, 0x010" ::: "memory");  // pause (Zihintpause)
#else
  asm volatile("" ::: "memory");
#endif
}

// Whether the processor finds the highest bit of a word by an instruction; elsewhere the compiler
// calls a function of its own library for it.
#if (defined(__arm__) && !defined(__ARM_FEATURE_CLZ)) || (defined(__riscv) && !defined(__riscv_zbb))
inline constexpr bool has_bit_scan = false;
#else
inline constexpr bool has_bit_scan = true;
#endif

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
// All interrupts of this core but NMI and HardFault, by PRIMASK (Armv6-M and later, B1.4.3).
// Privileged mode only: elsewhere masking does nothing. Satisfies rsb::Interrupts.
struct CoreInterrupts {
  using State = uint32_t;

  static State mask() noexcept {
    State before;
    asm volatile("mrs %0, primask\n cpsid i" : "=r"(before)::"memory");
    return before;
  }
  static void restore(State before) noexcept {
    asm volatile("msr primask, %0" ::"r"(before) : "memory");
  }
};
#endif

}  // namespace rsb
