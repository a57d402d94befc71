// SPDX-License-Identifier: MIT OR Apache-2.0
// Inputs tried on heaps beside their model. Who includes this defines HOLDS and FAILS before.
#pragma once

#include "fuzz/trial.hpp"
#include "property/heap_model.hpp"
#include "support/full_worlds.hpp"

namespace fuzz {

using property::Ask;

// Everything; and what concerns pages only.
inline constexpr Ask all[] = {
    Ask::allocate,        Ask::allocate_aligned,
    Ask::allocate_zeroed, Ask::allocate_nowait,
    Ask::allocate,        Ask::reallocate,
    Ask::deallocate,      Ask::deallocate_sized,
    Ask::deallocate,      Ask::deallocate_nowait,
    Ask::run_allocate,    Ask::allocate_zeroed_aligned,
    Ask::run_deallocate,  Ask::reallocate_aligned,
    Ask::run_resize,      Ask::trim,
    Ask::add_region,      Ask::remove_region,
    Ask::exhaust,         Ask::source_fails,
    Ask::source_refuses,  Ask::source_recovers,
    Ask::misuse,
};
inline constexpr Ask of_pages[] = {
    Ask::run_allocate,   Ask::run_allocate,    Ask::run_resize,    Ask::run_deallocate,
    Ask::trim,           Ask::add_region,      Ask::remove_region, Ask::source_fails,
    Ask::source_refuses, Ask::source_recovers,
};

template <class Config, size_t n>
void try_on(const uint8_t* bytes, size_t count, const Ask (&asks)[n]) {
  property::HeapModel<Config> model(8);  // checks take most of the time
  make_requests<property::Request>(bytes, count, asks, 13,
                                   [&](const property::Request& request) { model.apply(request); });
  model.finish();
}

template <size_t n>
void try_on_heaps(const uint8_t* bytes, size_t count, const Ask (&asks)[n]) {
  if (count == 0) return;
  const uint8_t which = *bytes++;
  count--;
  switch (which % 6) {
    case 0:
      return try_on<support::SmallRadix>(bytes, count, asks);
    case 1:
      return try_on<support::ThreeLevels>(bytes, count, asks);
    case 2:
      return try_on<support::MultiPageSpans>(bytes, count, asks);
    case 3:
      return try_on<support::Firmware>(bytes, count, asks);
    case 4:
      return try_on<support::Smallest>(bytes, count, asks);
    case 5:
      return try_on<support::Unchecked>(bytes, count, asks);
  }
}

// With Checks::full.
template <size_t n>
void try_on_full_heaps(const uint8_t* bytes, size_t count, const Ask (&asks)[n]) {
  if (count == 0) return;
  const uint8_t which = *bytes++;
  count--;
  switch (which % 3) {
    case 0:
      return try_on<support::FullRadix>(bytes, count, asks);
    case 1:
      return try_on<support::FullSpans>(bytes, count, asks);
    case 2:
      return try_on<support::FullPool>(bytes, count, asks);
  }
}

}  // namespace fuzz
