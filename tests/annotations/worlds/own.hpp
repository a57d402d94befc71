// SPDX-License-Identifier: MIT OR Apache-2.0
// What a program asks of the heap that it is about: here one of its own, `world::heap`.
#pragma once

#include <rsb/platform.hpp>
#include <rsb/platform_annotations.hpp>

namespace world {

struct Base {
  using Lock = rsb::platform::Lock;
  using Annotations = rsb::platform::Annotations;
};

inline char region[256 * rsb::KiB];

}  // namespace world

#define RSB_WORLD_OF(heap)                                                                \
  namespace world {                                                                       \
  inline void* allocate(size_t size) {                                                    \
    return heap.allocate(size);                                                           \
  }                                                                                       \
  inline void* allocate(size_t size, size_t alignment) {                                  \
    return heap.allocate(size, alignment);                                                \
  }                                                                                       \
  inline void* allocate_zeroed(size_t size) {                                             \
    return heap.allocate_zeroed(size);                                                    \
  }                                                                                       \
  inline void* reallocate(void* block, size_t size) {                                     \
    return heap.reallocate(block, size);                                                  \
  }                                                                                       \
  inline void deallocate(void* block) {                                                   \
    heap.deallocate(block);                                                               \
  }                                                                                       \
  inline void* allocate_nowait(size_t size) {                                             \
    return heap.allocate_nowait(size);                                                    \
  }                                                                                       \
  inline void deallocate_nowait(void* block) {                                            \
    heap.deallocate_nowait(block);                                                        \
  }                                                                                       \
  inline size_t usable_size(void* block) {                                                \
    return heap.usable_size(block);                                                       \
  }                                                                                       \
  inline bool is_sound() {                                                                \
    return rsb::inspect(heap).check() == nullptr;                                         \
  }                                                                                       \
  inline bool is_live(void* block) {                                                      \
    return rsb::inspect(heap).describe(block).state == RSB_BLOCK_LIVE;                    \
  }                                                                                       \
  inline void trim() {                                                                    \
    heap.trim();                                                                          \
  }                                                                                       \
  inline bool walk() {                                                                    \
    return rsb::inspect(heap).walk([](void* block, size_t) { return block != nullptr; }); \
  }                                                                                       \
  }
