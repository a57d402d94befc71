// SPDX-License-Identifier: MIT OR Apache-2.0
// Inputs tried on small heaps beside their model. Who includes this defines HOLDS before.
#pragma once

#include <memory>

#include "fuzz/trial.hpp"
#include "property/small_requests.hpp"

namespace fuzz {

template <rsb::SmallOptions chosen>
struct SmallConfig {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options = chosen;
  static constexpr rsb::FullOptions full{.queue_bytes = 2 * rsb::KiB, .queue_blocks = 8};
};

template <rsb::SmallOptions options>
void try_on_small(const uint8_t* bytes, size_t count) {
  using Ask = property::SmallRequest::Ask;
  static constexpr Ask asks[] = {
      Ask::allocate,          Ask::deallocate, Ask::aligned, Ask::zeroed, Ask::reallocate,
      Ask::allocate,          Ask::deallocate, Ask::sized,   Ask::add,    Ask::allocate_nowait,
      Ask::deallocate_nowait, Ask::remove,     Ask::misuse,
  };
  const auto model = std::make_unique<support::SmallHeapModel<SmallConfig<options>>>();
  size_t made = 0;
  make_requests<property::SmallRequest>(bytes, count, asks, 8,
                                        [&](const property::SmallRequest& request) {
                                          apply(*model, request);
                                          if (++made % 4 == 0) model->check();
                                        });
  model->check();
  model->finish();
}

inline void try_on_small_heaps(const uint8_t* bytes, size_t count) {
  if (count == 0) return;
  const uint8_t which = *bytes++;
  count--;
  switch (which % 4) {
    case 0:
      return try_on_small<{.deferred_batch = 2}>(bytes, count);
    case 1:
      return try_on_small<{.words = true, .deferred_batch = 2, .statistics = true}>(bytes, count);
    case 2:
      return try_on_small<{.statistics = true}>(bytes, count);
    case 3:
      return try_on_small<{.checks = rsb::Checks::off}>(bytes, count);
  }
}

// With Checks::full.
inline void try_on_full_small_heaps(const uint8_t* bytes, size_t count) {
  if (count == 0) return;
  const uint8_t which = *bytes++;
  count--;
  constexpr rsb::Checks full = rsb::Checks::full;
  switch (which % 2) {
    case 0:
      return try_on_small<{.checks = full, .deferred_batch = 2}>(bytes, count);
    case 1:
      return try_on_small<{.checks = full, .words = true, .statistics = true}>(bytes, count);
  }
}

}  // namespace fuzz
