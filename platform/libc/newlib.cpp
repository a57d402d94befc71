// SPDX-License-Identifier: MIT OR Apache-2.0
// What newlib's allocator defines besides the standard names: linking this, with core/api/libc.cpp
// in one object file, leaves no reason to link any part of it. newlib's own functions allocate by
// the names that end in _r.
//
// As there, a null that these return has set the errno of the `struct _reent` given, and a release
// leaves it alone. Thread and interrupt safety are those of the heap's lock: __malloc_lock() and
// __malloc_unlock(), by which systems make newlib's allocator safe, are never called, and a program
// may go on to define them.
#include <errno.h>
#include <malloc.h>
#include <reent.h>
#include <stdlib.h>

#include "realloc_to_zero.hpp"
#include "rsb/rsb.h"
#include "statistics.hpp"

namespace {

void* or_error(struct _reent* reent, void* block) noexcept {
  if (block == nullptr) reent->_errno = ENOMEM;
  return block;
}

}  // namespace

extern "C" {

int* rsb_errno() noexcept {
  return &errno;
}

void* _malloc_r(struct _reent* reent, size_t size) noexcept {
  return or_error(reent, rsb_malloc(size));
}

void _free_r(struct _reent*, void* block) noexcept {
  rsb_free(block);
}

void* _calloc_r(struct _reent* reent, size_t count, size_t size) noexcept {
  return or_error(reent, rsb_calloc(count, size));
}

void* _realloc_r(struct _reent* reent, void* block, size_t size) noexcept {
  if (rsb::frees(block, size)) {
    rsb_free(block);
    return nullptr;
  }
  return or_error(reent, rsb_realloc(block, size));
}

void* _memalign_r(struct _reent* reent, size_t alignment, size_t size) {
  return or_error(reent, rsb_memalign(alignment, size));
}

void* _valloc_r(struct _reent* reent, size_t size) {
  return or_error(reent, rsb_valloc(size));
}

void* _pvalloc_r(struct _reent* reent, size_t size) {
  return or_error(reent, rsb_pvalloc(size));
}

size_t _malloc_usable_size_r(struct _reent*, void* block) {
  return rsb_malloc_usable_size(block);
}

void cfree(void* block) {
  rsb_free(block);
}

struct mallinfo mallinfo() {
  return rsb::libc::info<struct mallinfo>();
}

struct mallinfo _mallinfo_r(struct _reent*) {
  return mallinfo();
}

// Whether anything was given back.
int malloc_trim(size_t) {
  return rsb_trim() != 0;
}

int _malloc_trim_r(struct _reent*, size_t pad) {
  return malloc_trim(pad);
}

// There is nothing to tune: no parameter is ever accepted.
int mallopt(int, int) {
  return 0;
}

int _mallopt_r(struct _reent*, int parameter, int value) {
  return mallopt(parameter, value);
}

// The board's, by which all of standard output and error goes; null in a program that has no such
// output, and that shall not need it because it allocates.
[[gnu::weak]] int _write(int file, char* text, int bytes);

// To standard error.
void malloc_stats() {
  if (_write == nullptr) return;
  rsb::libc::print([](char* text, size_t bytes) { _write(2, text, static_cast<int>(bytes)); });
}

void _malloc_stats_r(struct _reent*) {
  malloc_stats();
}

// An older name, with a title that the caller gives.
void mstats(char* title) {
  if (_write == nullptr) return;
  for (; *title != '\0'; title++) _write(2, title, 1);
  char end_of_line = '\n';
  _write(2, &end_of_line, 1);
  malloc_stats();
}

void _mstats_r(struct _reent*, char* title) {
  mstats(title);
}

[[gnu::weak]] void __malloc_lock(struct _reent*) {}

[[gnu::weak]] void __malloc_unlock(struct _reent*) {}

}  // extern "C"
