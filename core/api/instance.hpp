// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance: the one heap behind the C names and operator new. Its options tell which kind
// of heap it is: rsb::SmallOptions mean a SmallHeap, rsb::Options a Heap, or with Seats a
// CachedHeap.
#pragma once

#include RSB_CONFIG_HEADER

#include "rsb/cached_heap.hpp"
#include "rsb/platform.hpp"
#include "rsb/small_heap.hpp"

namespace rsb {

template <class Config, class Options = decltype(Config::options)>
struct HeapFor {
  using Type = HeapOf<Config>;
};
template <class Config>
struct HeapFor<Config, const SmallOptions> {
  using Type = SmallHeap<Config>;
};

using BuiltHeap = HeapFor<Instance>::Type;

// Hidden, which the compiler does not take for granted of what is defined elsewhere: else its
// address is looked up in a table.
#pragma GCC visibility push(hidden)
extern constinit BuiltHeap instance;
#pragma GCC visibility pop

inline constexpr bool is_small = SameAs<decltype(Instance::options), const SmallOptions>;

// What valloc() aligns to.
template <class Heap = BuiltHeap>
constexpr size_t valloc_alignment() noexcept {
  if constexpr (is_small) return 256;
  if constexpr (!is_small) return Heap::page;
}

// What all names begin with that allocate or release. The general heap's fast paths are short, so
// each name has them inline. A small heap's are not, and its programs are to be small: there is one
// of each.
[[gnu::always_inline]] inline void* allocate(size_t size) noexcept {
  if constexpr (is_small) return rsb_malloc(size);
  return instance.allocate(size);
}

[[gnu::always_inline]] inline void deallocate(void* block) noexcept {
  if constexpr (is_small) return rsb_free(block);
  instance.deallocate(block);
}

// The same for operator new and delete, and others that have more to do when they have the block,
// where the heap tells how it was made, and who called them. (Templates, so that what the heap does
// not have is not compiled.)
template <class Heap = BuiltHeap>
[[gnu::always_inline]] inline void* allocate_by([[maybe_unused]] Made made, size_t size) noexcept {
  if constexpr (Heap::tells_makers) {
    return static_cast<Heap&>(instance).allocate_as(made, size, 0, return_address());
  }
  if constexpr (!Heap::tells_makers) return allocate(size);
}
template <class Heap = BuiltHeap>
[[gnu::always_inline]] inline void* allocate_by([[maybe_unused]] Made made, size_t size,
                                                size_t alignment) noexcept {
  Heap& heap = instance;
  if constexpr (Heap::tells_makers) {
    return heap.allocate_as(made, size, alignment, return_address());
  }
  if constexpr (!Heap::tells_makers) return heap.allocate(size, alignment);
}
template <class Heap = BuiltHeap, class... Sizes>
[[gnu::always_inline]] inline void deallocate_by([[maybe_unused]] Made made, void* block,
                                                 Sizes... sizes) noexcept {
  Heap& heap = instance;
  if constexpr (Heap::tells_makers) {
    heap.deallocate_as(made, block, sizes...);
  } else if constexpr (sizeof...(sizes) == 0) {
    deallocate(block);
  } else {
    heap.deallocate(block, sizes...);
  }
}

}  // namespace rsb
