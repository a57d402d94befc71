// SPDX-License-Identifier: MIT OR Apache-2.0
/* A whole program with no library but rsbmalloc, not even a C library. Linux, x86-64 and aarch64.
 */
#include <rsb/rsb.h>

/* What a compiler expects of any environment, and rsbmalloc too. */
void* memset(void* to, int byte, size_t bytes) {
  for (volatile char* p = to; bytes != 0; bytes--) *p++ = (char)byte;
  return to;
}
void* memcpy(void* to, const void* from, size_t bytes) {
  const char* q = from;
  for (volatile char* p = to; bytes != 0; bytes--) *p++ = *q++;
  return to;
}
void* memmove(void* to, const void* from, size_t bytes) {
  if (to <= from) return memcpy(to, from, bytes);
  for (volatile char* p = to; bytes != 0; bytes--) p[bytes - 1] = ((const char*)from)[bytes - 1];
  return to;
}

static int work(void) {
  unsigned* squares = NULL;
  for (unsigned i = 0; i < 100000; i++) {
    unsigned* more = rsb_realloc(squares, (i + 1) * sizeof *squares);
    if (more == NULL) return 1;
    squares = more;
    squares[i] = i * i;
  }
  for (unsigned i = 0; i < 100000; i++) {
    if (squares[i] != i * i) return 2;
  }
  rsb_free(squares);
  return rsb_check() == NULL ? 0 : 3;
}

#if defined(__x86_64__)
__attribute__((noreturn, force_align_arg_pointer)) void _start(void) {
  __asm__ volatile("syscall" : : "a"(231L), "D"((long)work()) : "rcx", "r11", "memory");
  __builtin_unreachable();
}
#else
__attribute__((noreturn)) void _start(void) {
  register long status __asm__("x0") = work();
  register long exit_group __asm__("x8") = 94;
  __asm__ volatile("svc #0" : : "r"(status), "r"(exit_group) : "memory");
  __builtin_unreachable();
}
#endif
