// SPDX-License-Identifier: MIT OR Apache-2.0
// What is behind the built instance: memory that the fuzzer gives, an errno that it reads, and an
// instance that can begin anew, so that no input depends on those before it.
#pragma once

#include <memory>

#include "instance.hpp"
#include "support/scripted_pages.hpp"

namespace fuzz {

inline constexpr size_t source_bytes = 1 * rsb::MiB;
inline constexpr size_t region_bytes = 96 * rsb::KiB;
inline constexpr size_t regions = 3;

// Regions behind what pages come from. Aligned, so that every run sees the same.
alignas(rsb::MiB) inline char built_arena[source_bytes + regions * region_bytes];

inline support::ScriptedPages built_source;
inline int error_number;

inline char* region(size_t i) {
  return built_arena + source_bytes + i * region_bytes;
}

inline void begin_anew() {
  std::destroy_at(&rsb::instance);
  std::construct_at(&rsb::instance);
  built_source = support::ScriptedPages();
  built_source.serve_from(built_arena, source_bytes);
}

}  // namespace fuzz
