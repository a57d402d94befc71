// SPDX-License-Identifier: MIT OR Apache-2.0
// A call of the C interface; its model decides what the numbers mean.
#pragma once

#include <stddef.h>

#include <ostream>

namespace fuzz {

struct CCall {
  enum class Ask {
    malloc,
    calloc,
    realloc,
    reallocarray,
    aligned_alloc,
    memalign,
    posix_memalign,
    valloc,
    pvalloc,
    allocate,
    allocate_zeroed,
    reallocate,
    malloc_nowait,
    aligned_alloc_nowait,
    free,
    free_as_made,  // by free_sized, free_aligned_sized or deallocate
    free_nowait,
    page_allocate,
    page_resize,
    page_free,
    too_large,        // of one function or another more than there can be
    wrong_alignment,  // the same with alignments that are none
    null,             // to all that take it
    describe,
    look,  // check, walk, statistics
    trim,
    add_region,
    remove_region,
    set_handler,  // for when there is no memory
    source_fails,
    source_recovers,
    misuse,
    clear,  // of a small heap
    count
  };
  Ask ask;
  size_t size;
  unsigned alignment_log;
  size_t which;
};

inline std::ostream& operator<<(std::ostream& out, const CCall& call) {
  static const char* const names[] = {"malloc",
                                      "calloc",
                                      "realloc",
                                      "reallocarray",
                                      "aligned_alloc",
                                      "memalign",
                                      "posix_memalign",
                                      "valloc",
                                      "pvalloc",
                                      "allocate",
                                      "allocate_zeroed",
                                      "reallocate",
                                      "malloc_nowait",
                                      "aligned_alloc_nowait",
                                      "free",
                                      "free as made",
                                      "free_nowait",
                                      "page_allocate",
                                      "page_resize",
                                      "page_free",
                                      "too large",
                                      "wrong alignment",
                                      "null",
                                      "describe",
                                      "look",
                                      "trim",
                                      "add_region",
                                      "remove_region",
                                      "set handler",
                                      "source fails",
                                      "source recovers",
                                      "misuse",
                                      "clear"};
  static_assert(sizeof names / sizeof *names == static_cast<size_t>(CCall::Ask::count));
  return out << names[static_cast<size_t>(call.ask)] << "{" << call.size << ", 2^"
             << call.alignment_log << ", #" << call.which << "}";
}

}  // namespace fuzz
