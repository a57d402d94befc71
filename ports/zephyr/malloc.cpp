// SPDX-License-Identifier: MIT OR Apache-2.0
// The C library's malloc in Zephyr, in place of the common one: over one rsb::SmallHeap, under a
// spinlock that masks interrupts. Threads and interrupt handlers may call all of it.
#include <errno.h>
#include <stddef.h>
#include <zephyr/init.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/mem_stats.h>

#include "options.hpp"
#include "rsb/small_heap.hpp"

#if CONFIG_RSB_MALLOC_ARENA_SIZE > 0
static __noinit __aligned(16) char arena[CONFIG_RSB_MALLOC_ARENA_SIZE];
#elif defined(CONFIG_MMU) || defined(CONFIG_XTENSA)
#error Set CONFIG_RSB_MALLOC_ARENA_SIZE: what is left of memory is not known here
#else
extern "C" char _end[];
#endif

namespace {

class KernelLock {
 public:
  void lock() noexcept {
    const k_spinlock_key_t key = k_spin_lock(&lock_);
    key_ = key;
  }
  void unlock() noexcept { k_spin_unlock(&lock_, key_); }

 private:
  k_spinlock lock_{};
  k_spinlock_key_t key_{};
};

struct Malloc {
  using Lock = KernelLock;
  static constexpr rsb::SmallOptions options = rsb::zephyr::options;

  // errno is a thread's.
  static void exhausted() noexcept {
    if (!k_is_in_isr()) errno = ENOMEM;
  }
};

using Heap = rsb::SmallHeap<Malloc>;
constinit Heap heap;

static_assert(alignof(max_align_t) <= Heap::granule);

size_t all_bytes;  // that blocks can be had from

rsb::Region memory() {
#if CONFIG_RSB_MALLOC_ARENA_SIZE > 0
  return {arena, sizeof arena};
#else
  return {_end, CONFIG_SRAM_BASE_ADDRESS + size_t{CONFIG_SRAM_SIZE} * 1024 -
                    reinterpret_cast<uintptr_t>(_end)};
#endif
}

int begin() {
  auto [base, left] = memory();
  while (left != 0) {
    const size_t piece = rsb::smaller(left, rsb::zephyr::most_at_once);
    all_bytes += heap.add_region(base, piece);
    base = static_cast<char*>(base) + piece;
    left -= piece;
  }
  return 0;
}

}  // namespace

// Before it there is no memory.
SYS_INIT(begin, PRE_KERNEL_1, CONFIG_KERNEL_INIT_PRIORITY_OBJECTS);

extern "C" {

void* malloc(size_t size) {
  return heap.allocate(size);
}

void free(void* block) {
  heap.deallocate(block);
}

void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    Malloc::exhausted();
    return nullptr;
  }
  void* const block = heap.allocate(bytes);
  if (block != nullptr) __builtin_memset(block, 0, bytes);
  return block;
}

// As the common one: to 0 bytes is to free it.
void* realloc(void* block, size_t size) {
  if (block == nullptr) return malloc(size);
  if (size != 0) return heap.reallocate(block, size);
  free(block);
  return nullptr;
}

void* reallocarray(void* block, size_t count, size_t size) {
  size_t bytes;
  if (!__builtin_mul_overflow(count, size, &bytes)) return realloc(block, bytes);
  Malloc::exhausted();
  return nullptr;
}

void* aligned_alloc(size_t alignment, size_t size) {
  return size == 0 ? nullptr : heap.allocate(size, alignment);
}

void* memalign(size_t alignment, size_t size) {
  return aligned_alloc(alignment, size);
}

int posix_memalign(void** result, size_t alignment, size_t size) {
  if (alignment < sizeof(void*) || !rsb::is_power_of_two(alignment)) return EINVAL;
  void* const block = aligned_alloc(alignment, size);
  if (block == nullptr && size != 0) return ENOMEM;
  *result = block;
  return 0;
}

size_t malloc_usable_size(void* block) {
  return heap.usable_size(block);
}

#ifdef CONFIG_SYS_HEAP_RUNTIME_STATS
// Newer versions of Zephyr have it.
int malloc_runtime_stats_get(struct sys_memory_stats* stats) {
  if (stats == nullptr) return -EINVAL;
  stats->free_bytes = heap.free_bytes();
  stats->allocated_bytes = all_bytes - stats->free_bytes;
  stats->max_allocated_bytes = all_bytes - heap.least_free_bytes();
  return 0;
}
#endif

}  // extern "C"
