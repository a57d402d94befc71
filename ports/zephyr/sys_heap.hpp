// SPDX-License-Identifier: MIT OR Apache-2.0
// What Zephyr's struct sys_heap points to: it lies in the memory of the heap, before all blocks.
#pragma once

#include <zephyr/sys/sys_heap.h>

#include "options.hpp"
#include "rsb/small_heap.hpp"

namespace rsb::zephyr {

// Who calls a sys_heap locks it.
struct SysHeap {
  using Lock = NoLock;
  static constexpr SmallOptions options = zephyr::options;
};

// Heaps of fewer bytes are Zephyr's own, and are so as long as they live: sys_heap_init() notes it.
constexpr size_t least = CONFIG_RSB_SYS_HEAP_LEAST;
inline bool is_zephyrs(const sys_heap* heap) {
  return heap->init_bytes < least;
}

}  // namespace rsb::zephyr

// Zephyr's own functions, as CMakeLists.txt names them.
extern "C" {
void zephyr_heap_init(sys_heap*, void*, size_t);
void* zephyr_heap_alloc(sys_heap*, size_t);
void* zephyr_heap_aligned_alloc(sys_heap*, size_t, size_t);
void* zephyr_heap_aligned_realloc(sys_heap*, void*, size_t, size_t);
void zephyr_heap_free(sys_heap*, void*);
size_t zephyr_heap_usable_size(sys_heap*, void*);
int zephyr_heap_runtime_stats_get(sys_heap*, sys_memory_stats*);
int zephyr_heap_runtime_stats_reset_max(sys_heap*);
bool zephyr_heap_validate(sys_heap*);
void zephyr_heap_print_info(sys_heap*, bool);
}

// A function's first line: is the heap Zephyr's own, it is Zephyr's function that answers.
#define RSB_OR_ZEPHYRS(heap, call)                                \
  if constexpr (rsb::zephyr::least != 0) {                        \
    if (rsb::zephyr::is_zephyrs(heap)) return zephyr_heap_##call; \
  }

struct z_heap {
  rsb::SmallHeap<rsb::zephyr::SysHeap> heap;
  size_t bytes = 0;  // that blocks can be had from, if they are counted

  static void* operator new(size_t, void* at) noexcept { return at; }
};
