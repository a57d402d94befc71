// SPDX-License-Identifier: MIT OR Apache-2.0
// The functions of Zephyr's sys_heap.h, over an rsb::SmallHeap for each
// that is large enough. README.md says what
// differs. Each allocation and release is of constant time; who calls them locks the heap.
#include "sys_heap.hpp"

#include <errno.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/__assert.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/printk.h>

namespace {

using Heap = decltype(z_heap::heap);
constexpr size_t granule = Heap::granule;

// ---- Memory that does not begin where its block does ----
//
// An alignment of two bits, A | R, asks for memory R bytes before a multiple of A; R is a pointer's
// size. It then lies in a block some of whose first bytes are unused. The word before it says how
// many, mixed with where it is, so that a block's contents hardly ever say the same. Blocks begin
// at granules, and such memory does not.

// From how many bytes to the mark, and back.
size_t mixed(const char* memory, size_t word) {
  return word ^ reinterpret_cast<uintptr_t>(memory) * 0x9e3779b1u;
}

// Bytes from a block's start to the memory in it. What is neither is a fault.
size_t skipped(Heap& heap, const char* memory) {
  const size_t into_granule = reinterpret_cast<uintptr_t>(memory) % granule;
  if (into_granule == 0) [[likely]]
    return 0;
  if (into_granule % sizeof(size_t) == 0 && (!Heap::checked || heap.may_own(memory))) {
    const size_t bytes = mixed(memory, *reinterpret_cast<const size_t*>(memory - sizeof(size_t)));
    const uintptr_t block = reinterpret_cast<uintptr_t>(memory) - bytes;
    if (block % granule == 0 &&
        (!Heap::checked || heap.may_own(reinterpret_cast<const void*>(block))))
      return bytes;
  }
  if constexpr (Heap::checked) {
    // It was freed, or is foreign: the heap says which, of the granule's beginning.
    static_cast<void>(heap.usable_size(memory - into_granule));
    rsb::raise(rsb::Fault::misaligned_pointer, memory);
  }
  return into_granule;
}

char* mark(char* block, size_t skip) {
  char* const memory = block + skip;
  *reinterpret_cast<size_t*>(memory - sizeof(size_t)) = mixed(memory, skip);
  return memory;
}

char* allocate_before_aligned(Heap& heap, size_t alignment, size_t rewind, size_t bytes) {
  __ASSERT(rewind == sizeof(void*), "the kernel asks for room for one pointer");
  const size_t skip = rsb::larger(alignment, granule) - rewind;
  size_t whole;
  if (__builtin_add_overflow(bytes, skip, &whole)) return nullptr;
  auto* const block = static_cast<char*>(heap.allocate(whole, alignment));
  return block == nullptr ? nullptr : mark(block, skip);
}

char* allocate(Heap& heap, size_t alignment, size_t bytes) {
  if (bytes == 0) return nullptr;
  const size_t rewind = alignment & -alignment;
  if (rewind != alignment) return allocate_before_aligned(heap, alignment - rewind, rewind, bytes);
  return static_cast<char*>(heap.allocate(bytes, alignment));
}

size_t usable_size(Heap& heap, char* memory) {
  const size_t skip = skipped(heap, memory);
  return heap.usable_size(memory - skip) - skip;
}

[[gnu::noinline]] void release(Heap& heap, char* memory) {
  heap.deallocate(memory - skipped(heap, memory));
}

// Memory that stays aligned where it goes, or goes where it is aligned.
char* reallocate(Heap& heap, char* memory, size_t alignment, size_t bytes) {
  const size_t skip = skipped(heap, memory);
  if (skip == 0) return static_cast<char*>(heap.reallocate(memory, bytes, alignment));
  if (alignment <= sizeof(void*)) {
    size_t whole;
    if (__builtin_add_overflow(bytes, skip, &whole)) return nullptr;
    auto* const block = static_cast<char*>(heap.reallocate(memory - skip, whole));
    return block == nullptr ? nullptr : mark(block, skip);
  }
  char* const copy = allocate(heap, alignment, bytes);
  if (copy == nullptr) return nullptr;
  __builtin_memcpy(copy, memory, rsb::smaller(bytes, usable_size(heap, memory)));
  release(heap, memory);
  return copy;
}

[[noreturn]] void refuse(size_t bytes) {
  printk("rsbmalloc: a heap of %zu bytes is too small\n", bytes);
  k_panic();
  __builtin_unreachable();
}

// ---- Who listens ----

constexpr bool tells = IS_ENABLED(CONFIG_SYS_HEAP_LISTENER);

void tell_allocated(sys_heap* heap, char* memory) {
  if (!tells || memory == nullptr) return;
  heap_listener_notify_alloc(HEAP_ID_FROM_POINTER(heap), memory,
                             usable_size(heap->heap->heap, memory));
}

void tell_freed(sys_heap* heap, char* memory, size_t bytes) {
  if (tells) heap_listener_notify_free(HEAP_ID_FROM_POINTER(heap), memory, bytes);
}

void* take(sys_heap* heap, size_t alignment, size_t bytes) {
  char* const memory = allocate(heap->heap->heap, alignment, bytes);
  tell_allocated(heap, memory);
  return memory;
}

}  // namespace

extern "C" {

void sys_heap_init(struct sys_heap* heap, void* mem, size_t bytes) {
  heap->init_bytes = bytes;
  RSB_OR_ZEPHYRS(heap, init(heap, mem, bytes))
  char* const at = rsb::align_up(static_cast<char*>(mem), alignof(z_heap));
  const size_t before = static_cast<size_t>(at - static_cast<char*>(mem)) + sizeof(z_heap);
  if (bytes < before + Heap::least_first_region) refuse(bytes);
  z_heap& h = *new (at) z_heap;
  heap->heap = &h;
  char* begin = at + sizeof(z_heap);
  for (size_t left = bytes - before; left != 0;) {
    const size_t piece = rsb::smaller(left, rsb::zephyr::most_at_once);
    h.bytes += h.heap.add_region(begin, piece);
    begin += piece;
    left -= piece;
  }
#if defined(CONFIG_SYS_HEAP_ARRAY_SIZE) && CONFIG_SYS_HEAP_ARRAY_SIZE
  sys_heap_array_save(heap);
#endif
}

void* sys_heap_aligned_alloc(struct sys_heap* heap, size_t align, size_t bytes) {
  RSB_OR_ZEPHYRS(heap, aligned_alloc(heap, align, bytes))
  return take(heap, align, bytes);
}

void* sys_heap_alloc(struct sys_heap* heap, size_t bytes) {
  RSB_OR_ZEPHYRS(heap, alloc(heap, bytes))
  return take(heap, 0, bytes);
}

void* sys_heap_noalign_alloc(struct sys_heap* heap, size_t, size_t bytes) {
  return sys_heap_alloc(heap, bytes);
}

void sys_heap_free(struct sys_heap* heap, void* mem) {
  RSB_OR_ZEPHYRS(heap, free(heap, mem))
  if (mem == nullptr) return;
  auto* const memory = static_cast<char*>(mem);
  if (tells) tell_freed(heap, memory, usable_size(heap->heap->heap, memory));
  release(heap->heap->heap, memory);
}

void* sys_heap_aligned_realloc(struct sys_heap* heap, void* ptr, size_t align, size_t bytes) {
  RSB_OR_ZEPHYRS(heap, aligned_realloc(heap, ptr, align, bytes))
  if (ptr == nullptr) return sys_heap_aligned_alloc(heap, align, bytes);
  if (bytes == 0) {
    sys_heap_free(heap, ptr);
    return nullptr;
  }
  auto* const memory = static_cast<char*>(ptr);
  const size_t before = tells ? usable_size(heap->heap->heap, memory) : 0;
  char* const now = reallocate(heap->heap->heap, memory, align, bytes);
  if (tells && now != nullptr && (now != ptr || usable_size(heap->heap->heap, now) != before)) {
    tell_allocated(heap, now);
    tell_freed(heap, memory, before);
  }
  return now;
}

#ifndef sys_heap_realloc  // a macro in older versions
void* sys_heap_realloc(struct sys_heap* heap, void* ptr, size_t bytes) {
  return sys_heap_aligned_realloc(heap, ptr, 0, bytes);
}
#endif

size_t sys_heap_usable_size(struct sys_heap* heap, void* mem) {
  RSB_OR_ZEPHYRS(heap, usable_size(heap, mem))
  return usable_size(heap->heap->heap, static_cast<char*>(mem));
}

#ifdef CONFIG_SYS_HEAP_RUNTIME_STATS
int sys_heap_runtime_stats_get(struct sys_heap* heap, struct sys_memory_stats* stats) {
  if (heap == nullptr || stats == nullptr) return -EINVAL;
  RSB_OR_ZEPHYRS(heap, runtime_stats_get(heap, stats))
  z_heap& h = *heap->heap;
  stats->free_bytes = h.heap.free_bytes();
  stats->allocated_bytes = h.bytes - stats->free_bytes;
  stats->max_allocated_bytes = h.bytes - h.heap.least_free_bytes();
  return 0;
}

int sys_heap_runtime_stats_reset_max(struct sys_heap* heap) {
  if (heap == nullptr) return -EINVAL;
  RSB_OR_ZEPHYRS(heap, runtime_stats_reset_max(heap))
  heap->heap->heap.reset_least_free_bytes();
  return 0;
}
#endif

}  // extern "C"
