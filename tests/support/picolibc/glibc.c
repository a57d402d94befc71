// SPDX-License-Identifier: MIT OR Apache-2.0
/* What libstdc++, as built for Linux, calls of glibc and picolibc lacks, as far as doctest's
 * console needs it: the C locale and no other, nothing thrown, streams used by one core only. What
 * is linked but never called says so, and ends the program, if it is called after all. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- Threads. There may be other cores, so reference counts stay atomic. */

char __libc_single_threaded = 0;

int pthread_mutex_lock(void* mutex);
int pthread_mutex_lock(void* mutex) {
  (void)mutex;
  return 0;
}

int pthread_mutex_unlock(void* mutex);
int pthread_mutex_unlock(void* mutex) {
  (void)mutex;
  return 0;
}

int pthread_once(int* done, void (*initialise)(void));
int pthread_once(int* done, void (*initialise)(void)) {
  if (*done == 0) {
    *done = 1;
    initialise();
  }
  return 0;
}

int* __errno_location(void);
int* __errno_location(void) {
  return &errno;
}

/* ---- Locales. Their tables of characters are null: what looks into them faults. */

static void* c_locale[32];

void* __newlocale(int categories, const char* name, void* base);
void* __newlocale(int categories, const char* name, void* base) {
  (void)categories, (void)name, (void)base;
  return c_locale;
}

void* __uselocale(void* locale);
void* __uselocale(void* locale) {
  (void)locale;
  return c_locale;
}

size_t __ctype_get_mb_cur_max(void);
size_t __ctype_get_mb_cur_max(void) {
  return 1;
}

/* Classes of wide characters: none. */
unsigned long __wctype_l(const char* name, void* locale);
unsigned long __wctype_l(const char* name, void* locale) {
  (void)name, (void)locale;
  return 0;
}

/* ---- Time, since the machine was reset. */

#ifdef __aarch64__
int clock_gettime(int clock, struct timespec* now);
int clock_gettime(int clock, struct timespec* now) {
  const uint64_t billion = 1000000000;
  uint64_t ticks, frequency;
  (void)clock;
  asm volatile("isb\n mrs %0, cntvct_el0" : "=r"(ticks));
  asm("mrs %0, cntfrq_el0" : "=r"(frequency));
  now->tv_sec = (long)(ticks / frequency);
  now->tv_nsec = (long)(ticks % frequency * billion / frequency);
  return 0;
}
#endif

/* ---- Files. doctest looks for a debugger in one of Linux's, before it reports a failure. */

FILE* fopen64(const char* name, const char* mode);
FILE* fopen64(const char* name, const char* mode) {
  (void)name, (void)mode;
  errno = ENOENT;
  return NULL;
}

/* ---- Thread-local variables, as position-independent code for RISC-V finds them. In a program
 * linked statically they are those of the first module, whose offsets are biased by 2 KiB
 * (riscv-elf-psabi, "Thread Local Storage"). */

#ifdef __riscv
struct tls_index {
  uintptr_t module;
  uintptr_t offset;
};

void* __tls_get_addr(const struct tls_index* variable);
void* __tls_get_addr(const struct tls_index* variable) {
  return (char*)__builtin_thread_pointer() + variable->offset + 0x800;
}
#endif

/* ---- Never called. */

static _Noreturn void never(const char* name) {
  printf("%s was called: to be added to glibc.c\n", name);
  abort();
}

#define NEVER(name) \
  void name(void);  \
  void name(void) { \
    never(#name);   \
  }

NEVER(__duplocale)
NEVER(__freelocale)
NEVER(__iswctype_l)
NEVER(__nl_langinfo_l)
NEVER(__strcoll_l)
NEVER(__strftime_l)
NEVER(__strtod_l)
NEVER(__strtof_l)
NEVER(__strxfrm_l)
NEVER(__towlower_l)
NEVER(__towupper_l)
NEVER(__wcscoll_l)
NEVER(__wcsftime_l)
NEVER(__wcsxfrm_l)
NEVER(_dl_find_object)
NEVER(bind_textdomain_codeset)
NEVER(dgettext)
NEVER(fseeko64)
NEVER(fstat64)
NEVER(ftello64)
NEVER(gettext)
NEVER(getwc)
NEVER(ioctl)
NEVER(poll)
NEVER(putwc)
NEVER(syscall)
NEVER(ungetwc)
NEVER(writev)
