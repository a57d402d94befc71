// SPDX-License-Identifier: MIT OR Apache-2.0
// A kernel as a heap sees it: the arena is all memory, a buddy allocator has it, and the heap's
// page map is a window over all of it.
#pragma once

#include "rsb/buddy_pages.hpp"
#include "support/buddy.hpp"
#include "support/worlds.hpp"

namespace support {

// 64 pages, blocks of up to 16.
struct KernelBuddy {
  static constexpr size_t page_size = 4 * rsb::KiB;
  static constexpr unsigned max_order = 4;
  static constexpr size_t pages = arena_bytes / page_size;
  using Allocator = Buddy<page_size, max_order, pages>;

  void* alloc_pages(unsigned order) noexcept {
    if (WatchedLock::is_held()) under_lock++;
    if (calls.fails(SourceCall::acquire)) return nullptr;
    return allocator.alloc_pages(order);
  }
  void free_pages(void* block, unsigned order) noexcept {
    if (WatchedLock::is_held()) under_lock++;
    allocator.free_pages(block, order);
  }

  Allocator allocator;
  CallsOfSource calls;
  unsigned under_lock = 0;  // calls with the heap's lock held
};

// The options of a kernel: acquisitions of a power of two pages.
inline constexpr Options kernel{
    .page_size = 4 * rsb::KiB,
    .span_size = 16 * rsb::KiB,
    .acquire_size = 32 * rsb::KiB,
    .acquire_alignment = 4 * rsb::KiB,
    .keep_free = 32 * rsb::KiB,
    .discard_size = 4 * rsb::KiB,
    .map = rsb::Map::flat,
};

struct Kernel : Configuration<kernel, rsb::BootThen<rsb::BuddyPages<KernelBuddy>>> {};

// The descriptors of the window, for one kernel at a time.
inline rsb::Span kernel_descriptors[KernelBuddy::pages];

struct KernelWorld {
  KernelWorld() noexcept {
    __builtin_memset(arena, dirt, arena_bytes);
    buddy().allocator.begin_at(arena);
  }

  ~KernelWorld() {
    if (failing_call.is_on()) settle(*this);
  }
  KernelWorld(const KernelWorld&) = delete;
  KernelWorld& operator=(const KernelWorld&) = delete;

  void recover() noexcept { buddy().calls.recover(); }
  bool must_serve() noexcept { return rsb::inspect(heap).stats().free_bytes != 0; }

  void add_window() noexcept {
    for (rsb::Span& s : kernel_descriptors) s = rsb::Span{};
    heap.pages().add_window(window);
  }

  KernelBuddy& buddy() noexcept { return heap.pages().source().buddy(); }

  // The buddy gets memory, and is up.
  void start(void* base, size_t bytes) noexcept {
    buddy().allocator.add(base, bytes);
    heap.pages().source().start();
  }

  const char* problem() noexcept {
    if (const char* const sentence = rsb::inspect(heap).check()) return sentence;
    if (buddy().under_lock != 0) return "the buddy was called with the heap's lock held";
    return buddy().allocator.complaint();
  }

  rsb::Window window{arena, KernelBuddy::pages, kernel_descriptors};
  rsb::Heap<Kernel> heap;
};

}  // namespace support
