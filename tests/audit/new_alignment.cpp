// SPDX-License-Identifier: MIT OR Apache-2.0
// On i686 GCC takes plain new for types with alignof 16, and clang, by which the library may have
// been compiled, does not.
#include "rsb/small_heap.hpp"

struct Config {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options{};
};

static_assert(rsb::SmallHeap<Config>::granule == 16);
