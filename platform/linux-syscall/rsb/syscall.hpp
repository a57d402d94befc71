// SPDX-License-Identifier: MIT OR Apache-2.0
// Linux system calls without a C library. Returns what the kernel returns: a value, or -errno.
#pragma once

#include "rsb/internal/machine/bits.hpp"

namespace rsb::platform {

#if defined(__x86_64__)

enum SystemCall : long {
  sys_write = 1,
  sys_mmap = 9,
  sys_mprotect = 10,
  sys_munmap = 11,
  sys_sched_yield = 24,
  sys_mremap = 25,
  sys_madvise = 28,
  sys_nanosleep = 35,
  sys_getrandom = 318,
};

inline long system_call(SystemCall number, uintptr_t a = 0, uintptr_t b = 0, uintptr_t c = 0,
                        uintptr_t d = 0, uintptr_t e = 0, uintptr_t f = 0) noexcept {
  register uintptr_t r10 asm("r10") = d;
  register uintptr_t r8 asm("r8") = e;
  register uintptr_t r9 asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(static_cast<long>(number)), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

enum SystemCall : long {
  sys_write = 64,
  sys_nanosleep = 101,
  sys_sched_yield = 124,
  sys_munmap = 215,
  sys_mremap = 216,
  sys_mmap = 222,
  sys_mprotect = 226,
  sys_madvise = 233,
  sys_getrandom = 278,
};

inline long system_call(SystemCall number, uintptr_t a = 0, uintptr_t b = 0, uintptr_t c = 0,
                        uintptr_t d = 0, uintptr_t e = 0, uintptr_t f = 0) noexcept {
  register long x8 asm("x8") = number;
  register uintptr_t x0 asm("x0") = a;
  register uintptr_t x1 asm("x1") = b;
  register uintptr_t x2 asm("x2") = c;
  register uintptr_t x3 asm("x3") = d;
  register uintptr_t x4 asm("x4") = e;
  register uintptr_t x5 asm("x5") = f;
  asm volatile("svc #0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory", "cc");
  return static_cast<long>(x0);
}

#else
#error \
    "platform/linux-syscall knows x86-64 and aarch64; use RSB_PLATFORM=posix or add the processor here"
#endif

inline bool is_error(long result) noexcept {
  return result < 0 && result >= -4095;
}

}  // namespace rsb::platform
