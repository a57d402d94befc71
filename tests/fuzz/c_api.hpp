// SPDX-License-Identifier: MIT OR Apache-2.0
// Inputs tried on the built instance in C beside its model. Who includes this defines HOLDS and
// FAILS before.
#pragma once

#include "fuzz/c_api_model.hpp"
#include "fuzz/trial.hpp"

namespace fuzz {

inline void try_on_c_api(const uint8_t* bytes, size_t count) {
  using Ask = CCall::Ask;
  static constexpr Ask asks[] = {
      Ask::malloc,
      Ask::free,
      Ask::calloc,
      Ask::free_as_made,
      Ask::realloc,
      Ask::free_nowait,
      Ask::reallocarray,
      Ask::aligned_alloc,
      Ask::memalign,
      Ask::free,
      Ask::posix_memalign,
      Ask::valloc,
      Ask::pvalloc,
      Ask::free_as_made,
      Ask::allocate,
      Ask::allocate_zeroed,
      Ask::reallocate,
      Ask::malloc_nowait,
      Ask::page_allocate,
      Ask::aligned_alloc_nowait,
      Ask::page_resize,
      Ask::page_free,
      Ask::too_large,
      Ask::wrong_alignment,
      Ask::null,
      Ask::describe,
      Ask::look,
      Ask::trim,
      Ask::add_region,
      Ask::remove_region,
      Ask::set_handler,
      Ask::source_fails,
      Ask::source_recovers,
      Ask::misuse,
      Ask::clear,
  };
  CApiModel model;
  make_requests<CCall>(bytes, count, asks, 15, [&](const CCall& call) { model.apply(call); });
  model.finish();
}

}  // namespace fuzz
