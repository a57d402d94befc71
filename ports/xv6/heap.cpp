// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap for xv6's kernel, over the single pages of its kalloc(), with a cache for each hart.
#include "heap.h"

#include <rsb/cached_heap.hpp>
#include <rsb/cached_inspector.hpp>
#include <rsb/presets.hpp>
#include <rsb/single_pages.hpp>

#include "memlayout.h"
#include "param.h"

// xv6's own, of defs.h, which is not for C++.
extern "C" {
void* kalloc(void) noexcept;
void kfree(void* page) noexcept;
void push_off(void) noexcept;
void pop_off(void) noexcept;
int cpuid(void) noexcept;
void panic(char* message) __attribute__((noreturn));
}

namespace {

constexpr size_t page = 4 * rsb::KiB;

struct KallocPages {
  static constexpr size_t page_size = page;
  void* alloc_page() noexcept { return kalloc(); }
  void free_page(void* it) noexcept { kfree(it); }
};

// push_off() counts for each hart what is masked, so it is both: what holds handlers off who holds
// the lock, and what keeps a thread on its hart.
struct Off {
  struct State {};
  static State mask() noexcept {
    push_off();
    return {};
  }
  static void restore(State) noexcept { pop_off(); }
};

struct Harts {
  static unsigned current_cpu() noexcept { return static_cast<unsigned>(cpuid()); }
  static void disable_preemption() noexcept { push_off(); }
  static void enable_preemption() noexcept { pop_off(); }
};

struct Xv6 {
  using Pages = rsb::BootThen<rsb::SinglePages<KallocPages>>;
  using Lock = rsb::InterruptSpinLock<Off>;
  using Seats = rsb::CpuSeats<NCPU, Harts>;
  static constexpr rsb::Options options = rsb::presets::small_kernel;
  static constexpr rsb::CacheOptions caches{
      .bytes = 8 * rsb::KiB,
      .most_bytes = 32 * rsb::KiB,
      .magazine = 16,
      .batch = 8,
  };
};

constinit rsb::CachedHeap<Xv6> heap;

// All of RAM, for which QEMU gives zeroed descriptors: 2 MiB for 128.
constexpr size_t pages = (PHYSTOP - KERNBASE) / page;
constinit rsb::Span descriptors[pages];
constinit rsb::Window window;

// What can be had before kinit().
alignas(page) char boot_memory[64 * rsb::KiB];

}  // namespace

void heap_begin() {
  window.base = reinterpret_cast<char*>(KERNBASE);
  window.pages = pages;
  window.descriptors = descriptors;
  heap.pages().add_window(window);
  heap.add_region(boot_memory, sizeof boot_memory);
}

void heap_start() {
  heap.pages().source().start();
}

void* heap_alloc(unsigned long bytes) {
  return heap.allocate(bytes);
}
void heap_free(void* block) {
  heap.deallocate(block);
}
void* heap_alloc_nowait(unsigned long bytes) {
  return heap.allocate_nowait(bytes);
}
void heap_free_nowait(void* block) {
  heap.deallocate_nowait(block);
}

const char* heap_check(unsigned long* live_bytes) {
  *live_bytes = rsb::inspect(heap).stats().live_bytes;
  return rsb::inspect(heap).check();
}

extern "C" void rsb_fault(rsb_fault_kind, const void*) {
  static char message[] = "heap";
  panic(message);
}
