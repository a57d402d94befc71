// SPDX-License-Identifier: MIT OR Apache-2.0
// What a program may ask of a heap: the vocabulary of the property tests and of fuzzing, with small
// numbers whose meaning the model decides, so that a shrunk sequence stays meaningful.
#pragma once

#include <stddef.h>

#include <ostream>

namespace property {

enum class Ask {
  allocate,
  allocate_aligned,
  allocate_zeroed,
  allocate_zeroed_aligned,
  allocate_nowait,
  reallocate,
  reallocate_aligned,
  deallocate,
  deallocate_sized,
  deallocate_nowait,
  run_allocate,
  run_resize,
  run_deallocate,
  trim,
  add_region,
  remove_region,
  exhaust,       // take blocks of one size until there is none, and release them
  source_fails,  // some calls of the source from now on
  source_recovers,
  source_refuses,  // to take something back
  misuse,          // one of several mistakes, each to be caught
  count
};

inline const char* name_of(Ask ask) {
  static const char* const names[] = {"allocate",
                                      "allocate aligned",
                                      "allocate zeroed",
                                      "allocate zeroed aligned",
                                      "allocate nowait",
                                      "reallocate",
                                      "reallocate aligned",
                                      "deallocate",
                                      "deallocate sized",
                                      "deallocate nowait",
                                      "allocate run",
                                      "resize run",
                                      "deallocate run",
                                      "trim",
                                      "add region",
                                      "remove region",
                                      "exhaust",
                                      "source fails",
                                      "source recovers",
                                      "source refuses",
                                      "misuse"};
  static_assert(sizeof names / sizeof *names == static_cast<size_t>(Ask::count));
  return names[static_cast<size_t>(ask)];
}

struct Request {
  Ask ask;
  size_t size;             // bytes, or pages, or calls
  unsigned alignment_log;  // of two
  size_t which;            // of the live blocks or runs, counted modulo their number
};

inline std::ostream& operator<<(std::ostream& out, const Request& r) {
  return out << name_of(r.ask) << "{" << r.size << ", 2^" << r.alignment_log << ", #" << r.which
             << "}";
}

}  // namespace property
