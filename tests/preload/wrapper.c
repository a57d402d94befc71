// SPDX-License-Identifier: MIT OR Apache-2.0
// A library to be preloaded that has malloc and its like, and passes their calls on to whoever
// comes after it, as tools that count allocations do. So has it dlsym and what the heap asks the
// system by. All of them allocate on the way.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_ulong calls_of_malloc;
static atomic_ulong calls_of_mmap;

unsigned long wrapper_calls_of_malloc(void);
unsigned long wrapper_calls_of_malloc(void) {
  return calls_of_malloc;
}
unsigned long wrapper_calls_of_mmap(void);
unsigned long wrapper_calls_of_mmap(void) {
  return calls_of_mmap;
}

// Thread-local, and there before the first call.
static __thread unsigned inside __attribute__((tls_model("initial-exec")));

static void allocate_a_little(void) {
  static atomic_uint turn;
  if (inside != 0) return;
  inside++;
  const unsigned t = turn++;
  void* const small = malloc(24 + t % 5 * 1000);
  void* const large = t % 64 == 63 ? malloc(300000) : NULL;
  if (small == NULL) abort();
  memset(small, 1, 24);
  free(small);
  free(large);
  inside--;
}

// Only the C library's own, by its version, can look for a dlsym.
void* dlsym(void* handle, const char* name) {
  static void* (*next)(void*, const char*);
  if (next == NULL) {
    void* const found = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    memcpy(&next, &found, sizeof next);
  }
  allocate_a_little();
  return next(handle, name);
}

// What is asked for before the next malloc is known.
static _Alignas(16) char first_blocks[100000];
static size_t first_bytes;

static void* first_block(size_t size) {
  void* const block = first_blocks + first_bytes;
  first_bytes += (size + 15) / 16 * 16;
  if (first_bytes > sizeof first_blocks) abort();
  return block;
}
static int is_first_block(const void* block) {
  return (size_t)((const char*)block - first_blocks) < sizeof first_blocks;
}

#define FIND_NEXT(name)                          \
  static __typeof__(name)* next;                 \
  static __thread int finds;                     \
  if (next == NULL && finds++ == 0) {            \
    void* const found = dlsym(RTLD_NEXT, #name); \
    memcpy(&next, &found, sizeof next);          \
  }

void* malloc(size_t size) {
  FIND_NEXT(malloc)
  calls_of_malloc++;
  if (next == NULL) return first_block(size);
  allocate_a_little();
  return next(size);
}

void free(void* block) {
  FIND_NEXT(free)
  if (is_first_block(block) || next == NULL) return;
  next(block);
}

void* calloc(size_t count, size_t size) {
  FIND_NEXT(calloc)
  if (next == NULL) return first_block(count * size);
  allocate_a_little();
  return next(count, size);
}

void* realloc(void* block, size_t size) {
  FIND_NEXT(realloc)
  if (is_first_block(block)) {
    const size_t there = sizeof first_blocks - (size_t)((char*)block - first_blocks);
    return memcpy(malloc(size), block, size < there ? size : there);
  }
  if (next == NULL) abort();
  allocate_a_little();
  return next(block, size);
}

void* mmap(void* base, size_t bytes, int protection, int flags, int file, off_t offset) {
  calls_of_mmap++;
  allocate_a_little();
  return (void*)syscall(SYS_mmap, base, bytes, protection, flags, file, offset);
}

void* mremap(void* from, size_t old_bytes, size_t new_bytes, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  void* const to = va_arg(rest, void*);
  va_end(rest);
  allocate_a_little();
  return (void*)syscall(SYS_mremap, from, old_bytes, new_bytes, flags, to);
}

int munmap(void* base, size_t bytes) {
  allocate_a_little();
  return (int)syscall(SYS_munmap, base, bytes);
}

int madvise(void* base, size_t bytes, int advice) {
  allocate_a_little();
  return (int)syscall(SYS_madvise, base, bytes, advice);
}

int sched_yield(void) {
  allocate_a_little();
  return (int)syscall(SYS_sched_yield);
}

int nanosleep(const struct timespec* time, struct timespec* rest) {
  allocate_a_little();
  return (int)syscall(SYS_nanosleep, time, rest);
}
