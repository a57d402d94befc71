// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <rsb/small_inspector.hpp>

#include "own.hpp"

#ifndef RSB_WORDS
#define RSB_WORDS false
#endif

namespace world {

struct Config : Base {
  static constexpr rsb::SmallOptions options{
      .checks = rsb::Checks::full, .words = RSB_WORDS, .deferred_batch = 4};
};
inline constinit rsb::SmallHeap<Config> heap;
inline char pool[8 * rsb::MiB];

inline void begin() {
  heap.add_region(pool, sizeof pool);
}

inline void clear() {
  heap.clear();
}

}  // namespace world

RSB_WORLD_OF(heap)
