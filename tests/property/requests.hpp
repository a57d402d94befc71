// SPDX-License-Identifier: MIT OR Apache-2.0
// What a program may ask of a heap: the vocabulary of the property tests, with small numbers whose
// meaning the model decides, so that a shrunk sequence stays meaningful.
#pragma once

#include <rapidcheck.h>

#include <ostream>
#include <vector>

namespace property {

enum class Ask {
  allocate,
  allocate_aligned,
  allocate_zeroed,
  allocate_zeroed_aligned,
  reallocate,
  reallocate_aligned,
  deallocate,
  deallocate_sized,
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
  static const char* const names[] = {
      "allocate",        "allocate aligned",   "allocate zeroed", "allocate zeroed aligned",
      "reallocate",      "reallocate aligned", "deallocate",      "deallocate sized",
      "allocate run",    "resize run",         "deallocate run",  "trim",
      "add region",      "remove region",      "exhaust",         "source fails",
      "source recovers", "source refuses",     "misuse"};
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

template <>
struct rc::Arbitrary<property::Request> {
  static Gen<property::Request> arbitrary() {
    using property::Ask;
    // Allocations and releases in balance, all else now and then.
    const auto ask = gen::weightedElement<Ask>({
        {12, Ask::allocate},       {8, Ask::allocate_aligned},
        {6, Ask::allocate_zeroed}, {3, Ask::allocate_zeroed_aligned},
        {8, Ask::reallocate},      {3, Ask::reallocate_aligned},
        {14, Ask::deallocate},     {9, Ask::deallocate_sized},
        {4, Ask::run_allocate},    {2, Ask::run_resize},
        {4, Ask::run_deallocate},  {2, Ask::trim},
        {2, Ask::add_region},      {2, Ask::remove_region},
        {1, Ask::exhaust},         {3, Ask::source_fails},
        {3, Ask::source_recovers}, {2, Ask::source_refuses},
        {3, Ask::misuse},
    });
    // Log-uniform: as many requests below 16 bytes as between 2 and 32 KiB.
    const auto size =
        gen::apply([](unsigned log, size_t fraction) { return (fraction % 1024 << log) >> 10; },
                   gen::inRange<unsigned>(1, 16), gen::inRange<size_t>(0, 1024));
    return gen::build<property::Request>(
        gen::set(&property::Request::ask, ask), gen::set(&property::Request::size, size),
        gen::set(&property::Request::alignment_log, gen::inRange<unsigned>(0, 14)),
        gen::set(&property::Request::which, gen::inRange<size_t>(0, 1000)));
  }
};
