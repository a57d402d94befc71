// SPDX-License-Identifier: MIT OR Apache-2.0
// What a small heap has only if its configuration asks for it; else these are empty.
//
// Room small: for the room small_heap, SmallHeap's.
#pragma once

#include "rsb/internal/blocks/deferred_frees.hpp"
#include "rsb/internal/blocks/request.hpp"
#include "rsb/page_source.hpp"

namespace rsb {

// All blocks are in one region of DeferredFrees, which no region added or removed changes.
template <bool has_any>
struct SmallDeferred {};
template <>
struct SmallDeferred<true> {
  DeferredFrees frees;
  DeferredFrees::Region region;
  size_t bytes_ahead = 0;  // allocated while blocks waited to be taken over
};

template <bool has_any>
struct SmallStatistics {
  void add(size_t) noexcept {}
  void take(size_t) noexcept {}
  void forget_least() noexcept {}
  static size_t least_yet() noexcept { return 0; }
  void settle(size_t) noexcept {}
};
template <>
struct SmallStatistics<true> {
  void add(size_t bytes) noexcept { free += bytes; }
  void take(size_t bytes) noexcept {
    free -= bytes;
    if (free < least) least = free;
  }
  void forget_least() noexcept { least = free; }
  // Around what takes more than it needs, and gives that back at once.
  size_t least_yet() const noexcept { return least; }
  void settle(size_t least_before) noexcept { least = smaller(least_before, free); }
  size_t free = 0;
  size_t least = SIZE_MAX;
};

// What a heap turns to before it fails: the configuration's Pages, and a handler.
template <class C>
concept HasRecourse = requires {
  typename C::Pages;
}
|| requires {
  C::exhausted();
};

template <class C>
struct SmallSource {
  static Region next() noexcept { return {}; }
  static bool take_back(void*, size_t) noexcept { return false; }
};
template <class C>
requires requires {
  typename C::Pages;
}
struct SmallSource<C> {
  static_assert(
      GivesRegions<typename C::Pages>,
      "the Pages of a small heap, which acquires none, must have next_region(): noexcept, "
      "and it returns an rsb::Region");
  static_assert(
      TakesBackEnds<typename C::Pages> || !requires { &C::Pages::take_back; },
      "take_back(void*, size_t) must be noexcept, and return a bool");
  Region next() noexcept { return pages.next_region(); }
  bool take_back([[maybe_unused]] void* end, [[maybe_unused]] size_t bytes) noexcept {
    if constexpr (TakesBackEnds<typename C::Pages>) return pages.take_back(end, bytes);
    return false;
  }
  typename C::Pages pages;
};

template <class C>
struct SmallRecourse {};
template <HasRecourse C>
struct SmallRecourse<C> {
  [[no_unique_address]] SmallSource<C> regions;
  OutOfMemoryHandler handler = nullptr;
  size_t failures = 0;
};

}  // namespace rsb
