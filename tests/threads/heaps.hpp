// SPDX-License-Identifier: MIT OR Apache-2.0
// The heaps that the stress tests run on, all with the same static interface.
#pragma once

#include "rsb/cached_inspector.hpp"
#include "rsb/platform.hpp"
#include "rsb/rsb.h"

namespace threads {

// The built instance through its C interface.
struct Built {
  static void* allocate(size_t size) { return rsb_malloc(size); }
  static void* allocate_zeroed(size_t size) { return rsb_calloc(1, size); }
  static void* reallocate(void* block, size_t size) { return rsb_realloc(block, size); }
  static void deallocate(void* block) { rsb_free(block); }
  static void* allocate(size_t size, size_t alignment) { return rsb_allocate(size, alignment); }
  static void deallocate(void* block, size_t size, size_t alignment) {
    rsb_deallocate(block, size, alignment);
  }
  static size_t usable_size(void* block) { return rsb_malloc_usable_size(block); }
  static size_t page() { return rsb_page_size(); }
  static void* allocate_pages(size_t pages) { return rsb_page_allocate(pages, 0); }
  static bool resize_pages(void* run, size_t pages) { return rsb_page_resize(run, pages) != 0; }
  static void deallocate_pages(void* run) { rsb_page_free(run); }
  static size_t trim() { return rsb_trim(); }
  static const char* check() { return rsb_check(); }
  static size_t count_blocks() {
    size_t blocks = 0;
    auto count = [](void*, size_t, void* context) { return ++*static_cast<size_t*>(context), 1; };
    rsb_walk(count, &blocks);
    return blocks;
  }
  static rsb_stats stats() {
    rsb_stats stats;
    rsb_get_stats(&stats);
    return stats;
  }
};

// A heap of the program's own.
template <class Config>
struct Own {
  static inline constinit rsb::HeapOf<Config> heap;

  static void* allocate(size_t size) { return heap.allocate(size); }
  static void* allocate_zeroed(size_t size) { return heap.allocate_zeroed(size); }
  static void* reallocate(void* block, size_t size) { return heap.reallocate(block, size); }
  static void deallocate(void* block) { heap.deallocate(block); }
  static void* allocate(size_t size, size_t alignment) { return heap.allocate(size, alignment); }
  static void deallocate(void* block, size_t size, size_t alignment) {
    heap.deallocate(block, size, alignment);
  }
  static size_t usable_size(void* block) { return heap.usable_size(block); }
  static size_t page() { return decltype(heap)::page; }
  static void* allocate_pages(size_t pages) { return heap.pages().allocate(pages); }
  static bool resize_pages(void* run, size_t pages) { return heap.pages().resize(run, pages); }
  static void deallocate_pages(void* run) { heap.pages().deallocate(run); }
  static size_t trim() { return heap.trim(); }
  static const char* check() { return rsb::inspect(heap).check(); }
  static size_t count_blocks() {
    size_t blocks = 0;
    rsb::inspect(heap).walk([&](void*, size_t) { return ++blocks != 0; });
    return blocks;
  }
  static rsb_stats stats() { return rsb::inspect(heap).stats(); }
};

// A pool that is often exhausted, with small pages and a flat map.
struct PoolSource : rsb::NoPages {
  alignas(4096) static inline char memory[12 * rsb::MiB];
  bool given = false;
  rsb::Region next_region() noexcept {
    if (given) return {};
    given = true;
    return {memory, sizeof memory};
  }
};
struct Pool {
  using Pages = PoolSource;
  using Lock = rsb::platform::Lock;
  static constexpr rsb::Options options{
      .page_size = 256,
      .span_size = 1024,
      .acquire_size = 1024,
      .acquire_alignment = 256,
      .discard_size = 256,
      .map = rsb::Map::flat,
  };
};

}  // namespace threads
