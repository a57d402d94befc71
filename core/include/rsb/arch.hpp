// SPDX-License-Identifier: MIT OR Apache-2.0
// What differs between processors: the one file of core that may ask which one it is compiled for.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rsb/internal/machine/language.hpp"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RSB_THREAD_SANITIZER
#endif
#endif

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

// To what gcc takes malloc's blocks to be aligned, of whatever size, if that is more than a
// pointer: tests of their lowest bits are answered when a program is compiled (gcc 12,
// MALLOC_ABI_ALIGNMENT; tests/findings/gcc_malloc_alignment.sh).
#if defined(__aarch64__)
inline constexpr size_t assumed_malloc_alignment = 16;
#elif defined(__arm__)
inline constexpr size_t assumed_malloc_alignment = 8;
#else
inline constexpr size_t assumed_malloc_alignment = 0;
#endif

// Whether an instruction that addresses relative to itself reaches address 0, which is where a weak
// symbol is that nobody defines. Not on RISC-V (medany), from 2 GiB on.
#if defined(__riscv)
inline constexpr bool reaches_weak_symbols = false;
#else
inline constexpr bool reaches_weak_symbols = true;
#endif

// The same value, of which the compiler knows nothing: where what it knows would make it keep the
// value twice, or compute an address sooner than it is needed.
template <class Value>
[[gnu::always_inline]] inline Value as_if_loaded(Value value) noexcept {
  asm("" : "+r"(value));
  return value;
}

// Whether the processor finds the highest bit of a word by an instruction; elsewhere the compiler
// calls a function of its own library for it.
#if (defined(__arm__) &&                                                                           \
     (!defined(__ARM_FEATURE_CLZ) || (defined(__thumb__) && !defined(__thumb2__)))) ||             \
    (defined(__riscv) && !defined(__riscv_zbb)) || (defined(__m68k__) && !defined(__mc68020__)) || \
    (defined(__mips__) && __mips < 32) || defined(__sparc__) || defined(__AVR__) ||                \
    defined(__MSP430__)
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

#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__) || defined(__ARM_ARCH_8M_MAIN__) || \
    defined(__ARM_ARCH_8_1M_MAIN__)
// Those of a priority value of `level` and above, by BASEPRI (Armv7-M, B1.4.3): more urgent ones
// come at any time, and must not call the heap. `level` as the register has it, in its upper bits;
// 0 would mask none. What is masked already stays so. Privileged. (A Cortex-M7 r0p1 may take an
// interrupt after all, erratum 837070: mask by CoreInterrupts there.)
template <uint8_t level>
struct BasepriInterrupts {
  static_assert(level != 0, "BASEPRI of 0 masks no interrupt");

  using State = uint32_t;

  static State mask() noexcept {
    State before;
    asm volatile("mrs %0, basepri\n msr basepri_max, %1\n isb"
                 : "=&r"(before)
                 : "r"(uint32_t{level})
                 : "memory");
    return before;
  }
  static void restore(State before) noexcept {
    asm volatile("msr basepri, %0" ::"r"(before) : "memory");
  }
};
#endif
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
// All but NMI, by mstatus.MIE (Privileged Architecture, 3.1.6.1). Machine mode: others trap. For
// kernels there is SupervisorInterrupts.
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

// Those of supervisor mode, by sstatus.SIE (Privileged Architecture, 4.1.1), for kernels that run
// in it. Machine mode may, too, and masks none of its own; user mode traps.
struct SupervisorInterrupts {
  using State = unsigned long;

  static State mask() noexcept {
    State before;
    asm volatile(".option push\n .option arch, +zicsr\n csrrci %0, sstatus, 2\n .option pop"
                 : "=r"(before)::"memory");
    return before & 2;
  }
  static void restore(State before) noexcept {
    asm volatile(
        ".option push\n .option arch, +zicsr\n csrs sstatus, %0\n .option pop" ::"r"(before)
        : "memory");
  }
};
#elif defined(__XTENSA__)
// All levels but NMI, by PS.INTLEVEL. Privileged, as there is nothing else on the smaller ones.
struct CoreInterrupts {
  using State = uint32_t;

  static State mask() noexcept {
    State before;
    asm volatile("rsil %0, 15" : "=r"(before)::"memory");
    return before;
  }
  static void restore(State before) noexcept {
    asm volatile("wsr.ps %0\n rsync" ::"r"(before) : "memory");
  }
};
#elif defined(__AVR__)
// All, by SREG.I.
struct CoreInterrupts {
  using State = uint8_t;

  static State mask() noexcept {
    State before;
    asm volatile("in %0, 0x3f\n cli" : "=r"(before)::"memory");
    return before;
  }
  static void restore(State before) noexcept {
    asm volatile("out 0x3f, %0" ::"r"(before) : "memory");
  }
};
#elif defined(__MSP430__)
// All but NMI, by SR.GIE. What follows a change of it is no instruction that matters.
struct CoreInterrupts {
  using State = uint16_t;

  static State mask() noexcept {
    State before;
    asm volatile("mov r2, %0\n bic #8, r2\n nop" : "=r"(before)::"memory");
    return before;
  }
  static void restore(State before) noexcept {
    asm volatile("nop\n mov %0, r2\n nop" ::"r"(before) : "memory");
  }
};
#endif

// Between accesses to memory and to registers of devices: what is before it comes first for all
// cores, whichever of both it is.
inline void device_fence() noexcept {
#if defined(__riscv)
  asm volatile("fence iorw, iorw" ::: "memory");  // the compiler's is for memory alone
#elif defined(__aarch64__) || (defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M') || \
    (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
  asm volatile("dmb sy" ::: "memory");
#elif defined(__AVR__) || defined(__MSP430__)
  asm volatile("" ::: "memory");  // one core, in order
#else
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

// Where the function that this is part of returns to; null: that cannot be told.
[[gnu::always_inline]] inline const void* return_address() noexcept {
#if defined(__AVR__)
  return nullptr;  // clang has no code for it, and crashes
#else
  return __builtin_return_address(0);
#endif
}

// For what the compiler orders, too.
template <int order>
inline void fence() noexcept {
#if defined(__MSP430__)
  asm volatile("" ::: "memory");  // clang knows no fence there, and there is one core
#else
  __atomic_thread_fence(order);
#endif
}

// What several threads, or a handler and what it interrupts, access at the same time: words, no
// wider than a pointer or four bytes. exchange() and compare_exchange() return what was there
// before. All are atomic for all cores, and for everything that interrupts this one; but on
// processors without instructions for it (Armv6-M, RISC-V without A, small Xtensas, AVR, MSP430)
// the exchanges and increment() are so only for one core and what CoreInterrupts can mask, which is
// not NMI.
#if ((defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M') || defined(__riscv) || \
     defined(__XTENSA__) || defined(__AVR__) || defined(__MSP430__)) &&                \
    __GCC_ATOMIC_INT_LOCK_FREE < 2
// Without the compiler's __atomic builtins: for some compilers they all are functions of a library,
// also those that but load or store. Masked is what the processor accesses in several steps.
#if defined(__AVR__)
inline constexpr size_t most_bytes_at_once = 1;
#else
inline constexpr size_t most_bytes_at_once = sizeof(void*);
#endif

template <class Word>
[[gnu::always_inline]] inline Word load_relaxed(const Word* word) noexcept {
  if constexpr (sizeof(Word) <= most_bytes_at_once) {
    return *static_cast<const volatile Word*>(word);
  } else {
    const CoreInterrupts::State before = CoreInterrupts::mask();
    const Word found = *word;
    CoreInterrupts::restore(before);
    return found;
  }
}
template <class Word>
[[gnu::always_inline]] inline void store_relaxed(Word* word, Word desired) noexcept {
  if constexpr (sizeof(Word) <= most_bytes_at_once) {
    *static_cast<volatile Word*>(word) = desired;
  } else {
    const CoreInterrupts::State before = CoreInterrupts::mask();
    *word = desired;
    CoreInterrupts::restore(before);
  }
}
template <class Word>
[[gnu::always_inline]] inline Word load_acquire(const Word* word) noexcept {
  const Word found = load_relaxed(word);
  fence<__ATOMIC_ACQUIRE>();
  return found;
}
template <class Word>
[[gnu::always_inline]] inline void store_release(Word* word, Word desired) noexcept {
  fence<__ATOMIC_RELEASE>();
  store_relaxed(word, desired);
}
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
// Loads: what they have on the stack, g++ 12 would tell AddressSanitizer of, and where they are
// part of what is not instrumented never take back.
template <class Word>
[[gnu::always_inline, gnu::no_sanitize_address]] inline Word load_relaxed(
    const Word* word) noexcept {
  Word found;
  __atomic_load(word, &found, __ATOMIC_RELAXED);
  return found;
}
template <class Word>
[[gnu::always_inline, gnu::no_sanitize_address]] inline Word load_acquire(
    const Word* word) noexcept {
  Word found;
  __atomic_load(word, &found, __ATOMIC_ACQUIRE);
  return found;
}
template <class Word>
[[gnu::always_inline]] inline void store_relaxed(Word* word, Word desired) noexcept {
#if defined(__riscv) && defined(__GNUC__) && !defined(__clang__)
  *static_cast<volatile Word*>(word) = desired;  // GCC's atomic store is an exchange, up to 13
#else
  __atomic_store(word, &desired, __ATOMIC_RELAXED);
#endif
}
template <class Word>
[[gnu::always_inline]] inline void store_release(Word* word, Word desired) noexcept {
  __atomic_store(word, &desired, __ATOMIC_RELEASE);
}
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

// Where atomic loads are ordinary ones that no compiler makes part of another instruction, as it
// does with others. (A thread sanitizer is to see them.)
#if (defined(__x86_64__) || defined(__i386__)) && !defined(__SANITIZE_THREAD__) && \
    !defined(RSB_THREAD_SANITIZER)
// As load_relaxed().
template <class Word>
[[gnu::always_inline]] inline Word load_in_place(const Word* word) noexcept {
  return *word;
}
// Whether n is less than *limit: if so, as load_acquire().
template <class Word>
[[gnu::always_inline]] inline bool is_below(Word n, const Word* limit) noexcept {
  if (n >= *limit) return false;
  __atomic_signal_fence(__ATOMIC_ACQUIRE);
  return true;
}
#else
template <class Word>
[[gnu::always_inline]] inline Word load_in_place(const Word* word) noexcept {
  return load_relaxed(word);
}
template <class Word>
[[gnu::always_inline]] inline bool is_below(Word n, const Word* limit) noexcept {
  return n < load_acquire(limit);
}
#endif

}  // namespace rsb
