// SPDX-License-Identifier: MIT OR Apache-2.0
// The heap that takes the place of U-Boot's: how it is configured, and its functions for malloc.c.
#include "heap.h"

#include "rsb/inspector.hpp"

namespace {

// U-Boot has one thread on one processor, and its interrupt handlers do not allocate.
struct Config {
  using Pages = rsb::NoPages;  // but those of the arena
  using Lock = rsb::NoLock;
  static constexpr rsb::Options options{
      .page_size = 4 * rsb::KiB,
      .span_size = 4 * rsb::KiB,
      .acquire_size = 4 * rsb::KiB,
      .acquire_alignment = 4 * rsb::KiB,
      .discard_size = 4 * rsb::KiB,
      .deferred_batch = 0,
      .map = rsb::Map::flat,
  };
};
constinit rsb::Heap<Config> heap;

}  // namespace

extern "C" {

// Called by the heap, and never returns. (Weak, since core declares it so.)
void rsb_fault(rsb_fault_kind kind, const void* address) {
  rsb_uboot_panic(rsb::fault_name(static_cast<rsb::Fault>(kind)), address);
}

size_t rsb_uboot_add_memory(void* base, size_t bytes) {
  return heap.add_region(base, bytes);
}

void* rsb_uboot_allocate(size_t bytes) {
  return heap.allocate(bytes);
}

void* rsb_uboot_allocate_aligned(size_t alignment, size_t bytes) {
  return heap.allocate(bytes, alignment);
}

void* rsb_uboot_allocate_zeroed(size_t bytes) {
  return heap.allocate_zeroed(bytes);
}

void* rsb_uboot_reallocate(void* block, size_t bytes) {
  return heap.reallocate(block, bytes);
}

void rsb_uboot_deallocate(void* block) {
  heap.deallocate(block);
}

size_t rsb_uboot_usable_size(const void* block) {
  return heap.usable_size(block);
}

struct rsb_uboot_memory rsb_uboot_memory(void) {
  const auto s = rsb::HeapInspector<Config>(heap).stats();
  return {s.acquired_bytes, s.acquired_bytes - s.live_bytes, 0};
}

}  // extern "C"
