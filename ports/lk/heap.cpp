// SPDX-License-Identifier: MIT OR Apache-2.0
// LK's heap from rsbmalloc: what LK declares in lib/heap.h, in place of its heap_wrapper.c.
#include <arch/interrupts.h>
#include <arch/ops.h>
#include <kernel/vm.h>
#include <lib/heap.h>
#include <lk/console_cmd.h>
#include <lk/debug.h>
#include <stdio.h>
#include <string.h>

#include <rsb/cached_heap.hpp>
#include <rsb/cached_inspector.hpp>
#include <rsb/inspector.hpp>
#include <rsb/presets.hpp>

namespace {

// Runs of pages at any alignment. They come from a linear search under a mutex: the heap calls it
// with its lock given up, so only threads may call what may need pages.
struct PmmPages {
  // Two acquisitions never overlap, so the heap need not look.
  static constexpr bool trusted = true;

  static bool accepts_page(size_t bytes) noexcept { return bytes >= PAGE_SIZE; }

  void* acquire(size_t bytes, size_t alignment) noexcept {
    const auto pages = static_cast<uint>(bytes / PAGE_SIZE);
    const auto shift = static_cast<uint8_t>(rsb::floor_log2(alignment));
    paddr_t address;
    if (pmm_alloc_contiguous(pages, shift, &address, nullptr) != pages) return nullptr;
    return paddr_to_kvaddr(address);
  }
  bool release(void* base, size_t bytes) noexcept {
    pmm_free_kpages(base, static_cast<uint>(bytes / PAGE_SIZE));
    return true;
  }
};

struct ThisCpuInterrupts {
  using State = arch_interrupt_saved_state_t;
  static State mask() noexcept { return arch_interrupt_save(); }
  static void restore(State before) noexcept { arch_interrupt_restore(before); }
};

struct LkHeap {
  using Pages = PmmPages;
  using Lock = rsb::InterruptSpinLock<ThisCpuInterrupts>;
  static constexpr rsb::Options options = [] {
    rsb::Options o = rsb::presets::small_kernel;
    o.page_size = PAGE_SIZE;
    o.span_size = PAGE_SIZE;
    o.acquire_size = 64 * rsb::KiB;  // the search for pages is linear in what is taken
    o.acquire_alignment = PAGE_SIZE;
    // What is acquired for one block stays when that is freed, beside as much in pieces elsewhere.
    o.keep_free = 2 * o.acquire_size;
    o.discard_size = PAGE_SIZE;
    o.least_alignment = 2 * sizeof(void*);  // LK's own tests ask for it
    return o;
  }();
};

#if LK_HEAP_CACHES
struct ThisCpu {
  static unsigned core() noexcept { return arch_curr_cpu_num(); }
};

struct CachedLkHeap : LkHeap {
  static constexpr rsb::Options options = [] {
    rsb::Options o = LkHeap::options;
    o.keep_free = o.acquire_size;  // the caches keep pages besides
    return o;
  }();
  // LK counts no preemption, so its CPUs are pinned by masking their interrupts.
  using Seats =
      rsb::CpuSeats<SMP_MAX_CPUS, rsb::MaskingCpus<SMP_MAX_CPUS, ThisCpuInterrupts, ThisCpu>>;
  static constexpr rsb::CacheOptions caches{
      .bytes = 16 * rsb::KiB,
      .most_bytes = 64 * rsb::KiB,
      .magazine = 32,
      .batch = 16,
  };
};

using Config = CachedLkHeap;
constinit rsb::CachedHeap<Config> heap;
#else
using Config = LkHeap;
constinit rsb::Heap<Config> heap;
#endif

size_t window_bytes;

}  // namespace

// The page allocator works: where it has memory, the heap has descriptors for.
void heap_init(void) {
  constexpr size_t most = 8;
  rsb::Region ram[most];
  size_t count = 0;
  pmm_arena_t* arena;
  list_for_every_entry(get_arena_list(), arena, pmm_arena_t, node) {
    if ((arena->flags & PMM_ARENA_FLAG_KMAP) == 0) continue;
    if (count == most) panic("heap: more than %zu arenas\n", most);
    const rsb::Region region{paddr_to_kvaddr(arena->base), arena->size};
    // By address: LK has them by priority.
    size_t at = count++;
    for (; at > 0 && ram[at - 1].base > region.base; at--) ram[at] = ram[at - 1];
    ram[at] = region;
  }
  const size_t bytes = window_bytes = rsb::PageAllocator<Config>::bytes_for_windows(ram, count);
  void* const windows = pmm_alloc_kpages(static_cast<uint>(PAGE_ALIGN(bytes) / PAGE_SIZE), nullptr);
  if (windows == nullptr) panic("heap: no %zu bytes for descriptors\n", bytes);
  memset(windows, 0, bytes);
  heap.pages().add_windows(ram, count, windows);
}

void* malloc(size_t size) {
  return heap.allocate(size);
}

void* memalign(size_t boundary, size_t size) {
  return heap.allocate(size, boundary);
}

void* calloc(size_t count, size_t size) {
  size_t bytes;
  return __builtin_mul_overflow(count, size, &bytes) ? nullptr : heap.allocate_zeroed(bytes);
}

void* realloc(void* block, size_t size) {
  if (size != 0 || block == nullptr) return heap.reallocate(block, size);
  heap.deallocate(block);
  return nullptr;
}

void free(void* block) {
  heap.deallocate(block);
}

// From interrupt handlers and under spinlocks.
void heap_delayed_free(void* block) {
  heap.deallocate_nowait(block);
}

void heap_trim(void) {
  heap.trim();
}

extern "C" void rsb_fault(rsb_fault_kind kind, const void* block) {
  panic("heap: %s: %p\n", rsb::fault_name(static_cast<rsb::Fault>(kind)), block);
}

#if LK_DEBUGLEVEL > 1

static int cmd_heap(int argc, const console_cmd_args* argv) {
  if (argc > 1 && strcmp(argv[1].str, "trim") == 0) {
    printf("%zu bytes given back\n", heap.trim());
    return 0;
  }
  const rsb::Stats stats = rsb::inspect(heap).stats();
  printf("%zu bytes in %zu blocks; %zu of pages, at most %zu so far; %zu for descriptors\n",
         stats.live_bytes, stats.live_blocks, stats.acquired_bytes, stats.peak_acquired_bytes,
         window_bytes + stats.metadata_bytes);
  const char* const broken = rsb::inspect(heap).check();
  printf("check: %s\n", broken == nullptr ? "ok" : broken);
  return 0;
}

STATIC_COMMAND_START
STATIC_COMMAND("heap", "heap [trim]: what is in the heap", &cmd_heap)
STATIC_COMMAND_END(heap);

#endif
