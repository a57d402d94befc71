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

// How the interrupts of this core are masked; satisfies rsb::Interrupts (lock.hpp). In the mode of
// the processor that it says, and no other.
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
// All but NMI and HardFault, by PRIMASK (Armv6-M and later, B1.4.3). Privileged; elsewhere masking
// does nothing.
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
#elif defined(__aarch64__)
// IRQ and FIQ, by DAIF (Armv8-A, C5.2.2). EL1 and above: EL0 traps. SError stays as it is.
struct CoreInterrupts {
  using State = uint64_t;

  static State mask() noexcept {
    State before;
    asm volatile("mrs %0, daif\n msr daifset, #3" : "=r"(before)::"memory");
    return before;
  }
  static void restore(State before) noexcept {
    asm volatile("msr daif, %0" ::"r"(before) : "memory");
  }
};
#elif defined(__riscv)
// All but NMI, by mstatus.MIE (Privileged Architecture, 3.1.6.1). Machine mode: others trap.
struct CoreInterrupts {
  using State = unsigned long;

  static State mask() noexcept {
    State before;
    asm volatile(".option push\n .option arch, +zicsr\n csrrci %0, mstatus, 8\n .option pop"
                 : "=r"(before)::"memory");
    return before & 8;
  }
  static void restore(State before) noexcept {
    asm volatile(
        ".option push\n .option arch, +zicsr\n csrs mstatus, %0\n .option pop" ::"r"(before)
        : "memory");
  }
};
#endif

// What lists without a lock are made of: returns what was there before. Atomic for all cores, and
// for everything that interrupts this one; but on processors without such instructions (Armv6-M,
// RISC-V without A) only for one core and what CoreInterrupts can mask, which is not NMI.
#if (defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && !defined(__ARM_FEATURE_LDREX)) || \
    (defined(__riscv) && !defined(__riscv_atomic))
template <class Word>
inline Word compare_exchange(Word* word, Word expected, Word desired) noexcept {
  const CoreInterrupts::State before = CoreInterrupts::mask();
  const Word found = *word;
  if (found == expected) *word = desired;
  CoreInterrupts::restore(before);
  return found;
}
template <class Word>
inline Word exchange(Word* word, Word desired) noexcept {
  const CoreInterrupts::State before = CoreInterrupts::mask();
  const Word found = *word;
  *word = desired;
  CoreInterrupts::restore(before);
  return found;
}
template <class Word>
inline void increment(Word* word) noexcept {
  const CoreInterrupts::State before = CoreInterrupts::mask();
  *word = *word + 1;
  CoreInterrupts::restore(before);
}
#else
template <class Word>
inline Word compare_exchange(Word* word, Word expected, Word desired) noexcept {
  __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  return expected;
}
template <class Word>
inline Word exchange(Word* word, Word desired) noexcept {
  return __atomic_exchange_n(word, desired, __ATOMIC_ACQ_REL);
}
template <class Word>
inline void increment(Word* word) noexcept {
  __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
}
#endif

}  // namespace rsb
