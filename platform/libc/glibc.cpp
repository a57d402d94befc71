// SPDX-License-Identifier: MIT OR Apache-2.0
// What glibc's allocator defines besides the standard names: linking this, with core/api/libc.cpp
// in one object file, leaves no reason to link any part of it statically, and preloaded no name
// that answers for an allocator which nobody uses.
//
// Of all that Debian 12's malloc.o defines there is missing here, on purpose:
//   __libc_malloc, __libc_free, __libc_calloc, __libc_realloc, __libc_memalign, __libc_valloc,
//   __libc_pvalloc, __libc_mallinfo, __libc_mallinfo2, __libc_mallopt: by these a program asks for
//     glibc's own allocator whatever malloc is, mostly to wrap it. One that is static has glibc's
//     malloc already then, and cannot have ours.
//   __malloc, __free, __calloc, __realloc, __memalign, __posix_memalign, __valloc, __pvalloc,
//   __malloc_usable_size, __malloc_trim, __malloc_stats, __malloc_info, __mallinfo, __mallinfo2,
//   __mallopt: the bodies of the public names, called from nowhere else in glibc.
//   __malloc_fork_lock_parent, __malloc_fork_unlock_parent, __malloc_fork_unlock_child,
//   __malloc_arena_thread_freeres: called at fork and when a thread ends, if they are there (weak).
//   __glibc_morecore: how glibc's malloc grows; called from nowhere else.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include "rsb/rsb.h"
#include "statistics.hpp"

namespace {

// Writes text and numbers to a stream, without printf: static programs need not have that.
class Writer {
 public:
  explicit Writer(FILE* stream) noexcept : stream_(stream) {}

  Writer& operator<<(const char* text) noexcept {
    fputs(text, stream_);
    return *this;
  }
  Writer& operator<<(size_t number) noexcept {
    char text[21];
    char* digit = text + sizeof text;
    *--digit = '\0';
    do {
      *--digit = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return *this << digit;
  }

 private:
  FILE* const stream_;
};

void print_total(Writer& out, const char* type, size_t count, size_t size) noexcept {
  out << "<total type=\"" << type << "\" count=\"" << count << "\" size=\"" << size << "\"/>\n";
}

void print_totals(Writer& out, const rsb_stats& stats) noexcept {
  print_total(out, "fast", stats.cached_blocks, stats.cached_bytes);
  print_total(out, "rest", stats.free_bytes != 0, stats.free_bytes);
}

void print_bytes(Writer& out, const rsb_stats& stats) noexcept {
  const size_t now = stats.acquired_bytes;
  out << "<system type=\"current\" size=\"" << now << "\"/>\n";
  out << "<system type=\"max\" size=\"" << stats.peak_acquired_bytes << "\"/>\n";
  out << "<aspace type=\"total\" size=\"" << now << "\"/>\n";
  out << "<aspace type=\"mprotect\" size=\"" << now << "\"/>\n";
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

struct mallinfo2 mallinfo2() noexcept {
  return rsb::libc::info<struct mallinfo2>();
}

// As glibc's, modulo 2^32.
struct mallinfo mallinfo() noexcept {
  return rsb::libc::info<struct mallinfo>();
}

// Whether anything was given back. All is that can be: there is no heap to be padded at its top.
int malloc_trim(size_t) noexcept {
  return rsb_trim() != 0;
}

// 1 for what is so already: there is one heap, whatever the limit, and nothing is written to blocks
// that are allocated or freed. 0, refused: all that would have to change something.
int mallopt(int parameter, int value) noexcept {
  switch (parameter) {
    case M_ARENA_MAX:
    case M_ARENA_TEST:
      return value > 0;
    case M_PERTURB:
      return value == 0;
    default:
      return 0;
  }
}

// To standard error, in glibc's format.
void malloc_stats() noexcept {
  rsb_stats stats;
  rsb_get_stats(&stats);
  Writer out(stderr);
  const char* const titles[] = {"Arena 0:\n", "Total (incl. mmap):\n"};
  for (const char* title : titles) {
    out << title << "system bytes     = " << stats.acquired_bytes << "\nin use bytes     = ";
    out << stats.live_bytes << "\n";
  }
  out << "max mmap regions = " << size_t{0} << "\nmax mmap bytes   = " << size_t{0} << "\n";
}

// In glibc's format, version 1: one heap, whose sizes are free slots. Nothing is mapped apart from
// it. 0; EINVAL for options other than 0.
int malloc_info(int options, FILE* stream) noexcept {
  if (options != 0) return EINVAL;
  Writer out(stream);  // which may allocate when it is first written to
  out << "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n";
  rsb_stats stats;
  rsb_get_stats(&stats);
  size_t smaller = 0;
  rsb_bin_stats bin;
  for (size_t i = 0; rsb_get_bin_stats(i, &bin) != 0; i++) {
    const size_t count = bin.slots - bin.live;
    if (count != 0) {
      out << "  <size from=\"" << smaller + 1 << "\" to=\"" << bin.slot_bytes << "\" total=\"";
      out << count * bin.slot_bytes << "\" count=\"" << count << "\"/>\n";
    }
    smaller = bin.slot_bytes;
  }
  out << "</sizes>\n";
  print_totals(out, stats);
  print_bytes(out, stats);
  out << "</heap>\n";
  print_totals(out, stats);
  print_total(out, "mmap", 0, 0);
  print_bytes(out, stats);
  out << "</malloc>\n";
  return 0;
}

}  // extern "C"
#pragma GCC visibility pop
