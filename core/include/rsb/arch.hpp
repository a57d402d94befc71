// What differs between processors: the one file of core that may ask which one it is compiled for.
#pragma once

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

}  // namespace rsb
