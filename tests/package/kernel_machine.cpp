// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernel around examples/kernel: its buddy allocator, its interrupts and its scheduler, and a
// boot. CACHED: with a cache for each CPU.
#include <stdio.h>

#include "rsb/cached_inspector.hpp"
#include "support/buddy.hpp"
#ifdef CACHED
#include "cached_kernel_heap.hpp"
using TheKernel = CachedKernel;
#else
#include "kernel_heap.hpp"
using TheKernel = Kernel;
#endif

extern constinit rsb::HeapOf<TheKernel> kernel_heap;

size_t heap_begin(void* boot_memory, size_t bytes);
size_t heap_bytes_to_know(const rsb::Region* ram, size_t regions);
void heap_know_memory(const rsb::Region* ram, size_t regions, void* descriptors);
void heap_use_buddy();
bool heap_leave_boot_memory(void* boot_memory, size_t bytes);
void* heap_allocate(size_t bytes);
void heap_free(void* block);

extern "C" void rsb_fault(rsb_fault_kind kind, const void*) {
  printf("fault: %s\n", rsb::fault_name(static_cast<rsb::Fault>(kind)));
  __builtin_trap();
}

namespace {

constexpr size_t page = KernelBuddy::page_size;
constexpr size_t pages = 4096;
constexpr size_t boot_bytes = 1 * rsb::MiB;
alignas(page << KernelBuddy::max_order) char memory[pages * page];
const rsb::Region ram[] = {{memory, sizeof memory}};

constinit support::Buddy<page, KernelBuddy::max_order, pages> buddy;
unsigned long masked = 0;
unsigned preemption_off = 0;
bool is_sound = true;

bool require(bool holds, const char* sentence) {
  if (!holds) puts(sentence);
  is_sound &= holds;
  return holds;
}

void require_rest() {
  require(masked == 0, "the buddy may wait: interrupts are not masked");
  require(preemption_off == 0, "the buddy may wait: preemption is on");
}

// A program's worth of small blocks.
void use_small_blocks() {
  static void* blocks[256];
  for (unsigned i = 0; i < 100'000; i++) {
    void*& block = blocks[(i * 97) % 256];
    if (block != nullptr) {
      require(*static_cast<void**>(block) == &block, "a block is one owner's");
      heap_free(block);
      block = nullptr;
      continue;
    }
    block = heap_allocate(8 + i % 1'500);
    if (require(block != nullptr, "there is memory for small blocks")) {
      *static_cast<void**>(block) = &block;
    }
  }
  for (void*& block : blocks) {
    heap_free(block);
    block = nullptr;
  }
}

#ifdef CACHED
constexpr unsigned cpus = CachedKernel::Seats::most_caches;
unsigned moves = 0;  // from CPU to CPU

// Between any two steps.
void interrupt() {
  const unsigned long before = kernel_mask_interrupts();
  kernel_heap.deallocate_nowait(kernel_heap.allocate_nowait(40));
  kernel_restore_interrupts(before);
}

void use_caches() {
  use_small_blocks();
  require(moves > 100'000, "threads move from CPU to CPU");
  require(rsb::inspect(kernel_heap).stats().cached_blocks != 0, "there is something in the caches");
  for (unsigned cpu = 0; cpu < cpus; cpu++) kernel_heap.give_back_cache(cpu);
  use_small_blocks();
  require(preemption_off == 0, "preemption is on when a call returns");
}
#else
void use_caches() {
  use_small_blocks();
}
#endif

}  // namespace

#ifdef CACHED
unsigned kernel_current_cpu() noexcept {
  require(preemption_off != 0, "who asks for its CPU stays there");
  return moves % cpus;
}
void kernel_disable_preemption() noexcept {
  preemption_off++;
  interrupt();
}
void kernel_enable_preemption() noexcept {
  interrupt();
  if (--preemption_off == 0) moves++;
}
#endif

void* kernel_alloc_pages(unsigned order) noexcept {
  require_rest();
  return buddy.alloc_pages(order);
}
void kernel_free_pages(void* block, unsigned order) noexcept {
  require_rest();
  buddy.free_pages(block, order);
}
unsigned long kernel_mask_interrupts() noexcept {
  const unsigned long before = masked;
  masked = 1;
  return before;
}
void kernel_restore_interrupts(unsigned long before) noexcept {
  masked = before;
}

int main() {
  // All memory: that of the boot, the descriptors, and the buddy's.
  char* const descriptors = memory + boot_bytes;
  const size_t descriptor_bytes = rsb::align_up(heap_bytes_to_know(ram, 1), page);
  char* const rest = descriptors + descriptor_bytes;
  require(heap_begin(memory, boot_bytes) != 0, "the boot memory serves");
  void* const early = kernel_heap.allocate(100);
  require(early != nullptr, "there is memory before the buddy is up");
  require(kernel_heap.allocate(2 * boot_bytes) == nullptr, "and no more than that");
  heap_know_memory(ram, 1, descriptors);
  buddy.begin_at(memory);
  buddy.add(rest, sizeof memory - boot_bytes - descriptor_bytes);
  heap_use_buddy();

  require(!heap_leave_boot_memory(memory, boot_bytes), "the boot's memory is still in use");
  void* const late = kernel_heap.allocate(2 * boot_bytes);
  require(late != nullptr, "there is memory from the buddy");
  void* const small = kernel_heap.allocate(100);
  require(rsb::bytes_from(memory, small) >= boot_bytes, "no more memory comes from the boot's");
  kernel_heap.deallocate(early);
  require(heap_leave_boot_memory(memory, boot_bytes), "the boot's memory is empty");
  buddy.add(memory, boot_bytes);
  use_caches();

  kernel_heap.deallocate(late);
  kernel_heap.deallocate(small);
  const char* const broken = rsb::inspect(kernel_heap).check();
  require(broken == nullptr, broken);
  kernel_heap.trim();
  require(buddy.is_whole(), "the buddy has everything");
  require(buddy.complaint() == nullptr, buddy.complaint());
  puts(is_sound ? "the kernel boots" : "the kernel does not boot");
  return is_sound ? 0 : 1;
}
