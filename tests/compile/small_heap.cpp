// SPDX-License-Identifier: MIT OR Apache-2.0
// All members of SmallHeap and its inspector, also where sizes have 16 bits. See compile.py.
#include "rsb/small_inspector.hpp"

// Behind the headers, before what they are instantiated for.
#include "globals.hpp"

// Not in a namespace without a name: of what only this file has, Clang makes no code.

// As much as a configuration can have, and as little.
struct Regions {
  rsb::Region next_region() noexcept { return {}; }
  bool take_back(void*, size_t) noexcept { return false; }
};

struct Full {
  using Pages = Regions;
  using Lock = RSB_LOCK;
  static constexpr rsb::SmallOptions options{
      .deferred_batch = 2, .statistics = true, .null_for_zero = true};
  static void exhausted() noexcept {}
  static void allocated(void*, size_t) noexcept {}
  static void released(void*, size_t) noexcept {}
};

struct Distrustful : Full {
  static constexpr rsb::SmallOptions options = [] {
    rsb::SmallOptions o = Full::options;
    o.checks = rsb::Checks::full;
    return o;
  }();
};

struct Least {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options{.checks = rsb::Checks::off, .words = true};
};

template class rsb::SmallHeap<Full>;
template class rsb::SmallHeapInspector<Full>;
template class rsb::GuardedHeap<rsb::SmallHeap<rsb::UnderGuards<Distrustful>>, Distrustful>;
template class rsb::SmallHeapInspector<Distrustful>;

// Not all of its members are for every configuration.
extern "C" size_t use_least(rsb::SmallHeap<Least>& small, void* memory_of_caller) {
  small.add_region(memory_of_caller, 4096);
  void* const p = small.allocate(10);
  void* const q = small.reallocate(small.allocate(100, 64), 50);
  small.deallocate(p, 10);
  small.deallocate(q);
  if (small.allocate_nowait(7) == nullptr) return 0;
  rsb::SmallHeapInspector inspector(small);
  if (inspector.check() != nullptr) return 0;
  inspector.walk([](void* at, size_t length) { return at != nullptr && length != 0; });
  inspector.walk_pieces([](const rsb::SmallPiece& piece) { return piece.bytes != 0; });
  return inspector.stats().largest_request;
}
