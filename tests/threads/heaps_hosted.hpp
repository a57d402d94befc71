// SPDX-License-Identifier: MIT OR Apache-2.0
// More heaps with that interface, whose pages come from an operating system.
#pragma once

#include "threads/heaps.hpp"

namespace threads {

// A spinlock, and options that make it go to the page source and back all the time: the lock is
// given up in the middle of operations.
struct Restless {
  using Pages = rsb::platform::Pages;
  using Lock = rsb::SpinLock;
  static constexpr rsb::Options options{
      .page_size = 4 * rsb::KiB,
      .span_size = 16 * rsb::KiB,
      .acquire_size = 128 * rsb::KiB,
      .acquire_alignment = 4 * rsb::KiB,
      .keep_free = 256 * rsb::KiB,
      .discard_size = 8 * rsb::KiB,
      .radix_leaf_bits = 10,
      .radix_inner_bits = 14,
  };
};

// The same, but nothing that costs memory untouched may be large: so the map gets many nodes, of
// all sizes, while other threads look things up.
struct SparesNothing : rsb::platform::Pages {
  bool has_to_spare(size_t) noexcept { return false; }
};
struct Scarce : Restless {
  using Pages = SparesNothing;
};

// Acquires exactly what each request needs, and keeps nothing.
struct Greedless {
  using Pages = rsb::platform::Pages;
  using Lock = rsb::BasicSpinLock<rsb::platform::YieldThenSleep>;
  static constexpr rsb::Options options{
      .acquire_size = 16 * rsb::KiB,
      .acquire_alignment = 16 * rsb::KiB,
      .keep_free = 0,
      .discard_size = 16 * rsb::KiB,
  };
};

}  // namespace threads
