// SPDX-License-Identifier: MIT OR Apache-2.0
// The module: what the heap asks of the kernel, what it offers to other modules, and what it does
// when memory is short, a CPU goes offline, or a block is misused.
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "module.h"

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/cpuhotplug.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/shrinker.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "heap.h"
#include "rsbmalloc.h"

// ---- Pages ----

static atomic_long_t pages_acquired, pages_released;

// All blocks that are the heap's, linked by the descriptors of their first pages.
static LIST_HEAD(acquired);
static DEFINE_RAW_SPINLOCK(acquired_lock);

void* rsb_linux_alloc_pages(unsigned order) {
  // Never to sleep: whether the caller may, no context tells (he may be an RCU reader, and where
  // preemption is not counted hold a spinlock), and it is his flags that say so. See
  // rsb_kmalloc_reclaiming(). Handlers, and who has interrupts off, or preemption where that is
  // counted, may use what the kernel keeps for such.
  const bool is_urgent =
      in_interrupt() || irqs_disabled() || (IS_ENABLED(CONFIG_PREEMPT_COUNT) && in_atomic());
  struct page* const pages =
      alloc_pages((is_urgent ? GFP_ATOMIC : GFP_NOWAIT) | __GFP_NOWARN, order);

  BUILD_BUG_ON(PAGE_SHIFT != RSB_LINUX_PAGE_SHIFT || MAX_ORDER <= RSB_LINUX_MAX_ORDER);
  if (!pages) return NULL;
  if (order != 0) split_page(pages, order);
  return page_address(pages);
}

void rsb_linux_free_pages(void* base, unsigned order) {
  struct page* const pages = virt_to_page(base);
  unsigned i;

  for (i = 0; i < 1u << order; i++) __free_page(pages + i);
}

void rsb_linux_acquired(void* base, size_t bytes) {
  struct page* const first = virt_to_page(base);
  unsigned long flags;

  atomic_long_add(bytes >> PAGE_SHIFT, &pages_acquired);
  set_page_private(first, bytes >> PAGE_SHIFT);
  raw_spin_lock_irqsave(&acquired_lock, flags);
  list_add(&first->lru, &acquired);
  raw_spin_unlock_irqrestore(&acquired_lock, flags);
}

void rsb_linux_released(void* base) {
  struct page* const first = virt_to_page(base);
  unsigned long flags;

  raw_spin_lock_irqsave(&acquired_lock, flags);
  list_del(&first->lru);
  raw_spin_unlock_irqrestore(&acquired_lock, flags);
  atomic_long_add(page_private(first), &pages_released);
  set_page_private(first, 0);
}

// When the heap is gone.
static void release_all(void) {
  struct page *first, *next;

  list_for_each_entry_safe(first, next, &acquired, lru) {
    const unsigned long count = page_private(first);
    unsigned long i;

    rsb_linux_released(page_address(first));
    for (i = 0; i < count; i++) __free_page(first + i);
  }
}

// ---- The lock ----

static DEFINE_RAW_SPINLOCK(heap_lock);
static unsigned long holders_flags;

void rsb_linux_lock(void) {
  unsigned long flags;

  raw_spin_lock_irqsave(&heap_lock, flags);
  holders_flags = flags;
}

int rsb_linux_try_lock(void) {
  unsigned long flags;

  if (!raw_spin_trylock_irqsave(&heap_lock, flags)) return 0;
  holders_flags = flags;
  return 1;
}

int rsb_linux_lock_in_handler(void) {
  if (in_nmi()) return rsb_linux_try_lock();
  rsb_linux_lock();
  return 1;
}

void rsb_linux_unlock(void) {
  const unsigned long flags = holders_flags;

  raw_spin_unlock_irqrestore(&heap_lock, flags);
}

// ---- CPUs ----

unsigned rsb_linux_current_cpu(void) {
  return smp_processor_id();
}

unsigned rsb_linux_cpus(void) {
  return nr_cpu_ids;
}

void rsb_linux_disable_preemption(void) {
  preempt_disable();
}

void rsb_linux_enable_preemption(void) {
  preempt_enable();
}

void rsb_linux_reschedule(void) {
  preempt_disable();  // modules have no preempt_check_resched()
  preempt_enable();
}

// ---- Faults ----

void rsb_fault(int kind, const void* address) {
  pr_emerg("%s: %px\n", rsb_heap_fault_name(kind), address);
  BUG();
}

// ---- For other modules ----

// Who must neither touch the caches, at which the thread that was interrupted may be at work, nor
// wait for another CPU's: handlers, and who may keep one waiting.
static __always_inline bool in_handler(void) {
  return in_interrupt() || irqs_disabled();
}

static noinline void* allocate_in_handler(size_t size, size_t alignment) {
  unsigned tries;

  for (tries = 0; tries < 8; tries++) {
    void* const block = rsb_heap_allocate_nowait(size, alignment);

    // What was fetched may be somebody else's by now.
    if (block || in_nmi() || !rsb_heap_fetch_pages(size, alignment)) return block;
  }
  return NULL;
}

void* rsb_kmalloc_now(size_t size) {
  if (unlikely(in_handler())) return allocate_in_handler(size, size < 16 ? 8 : 16);
  return rsb_heap_allocate(size);
}
EXPORT_SYMBOL_GPL(rsb_kmalloc_now);

void* rsb_kmalloc_aligned_now(size_t size, size_t alignment) {
  if (alignment < 8) alignment = 8;
  if (unlikely(in_handler())) return allocate_in_handler(size, alignment);
  return rsb_heap_allocate_aligned(size, alignment);
}
EXPORT_SYMBOL_GPL(rsb_kmalloc_aligned_now);

void* rsb_kmalloc_reclaiming(size_t size, size_t alignment, gfp_t flags) {
  const gfp_t allowed = GFP_KERNEL | __GFP_NORETRY | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
  const size_t bytes = max(max(size, alignment), (size_t)RSB_LINUX_SPAN_BYTES);
  unsigned tries;

  if (!gfpflags_allow_blocking(flags) || WARN_ON_ONCE(in_handler())) return NULL;
  if (bytes > PAGE_SIZE << RSB_LINUX_MAX_ORDER) return NULL;
  for (tries = 0; tries < 8; tries++) {
    struct page* const pages = alloc_pages(flags & allowed, get_order(bytes));
    void* block;

    if (!pages) return NULL;
    // The heap takes them, or others: they are not handed over, since somebody may be in greater
    // need of them.
    __free_pages(pages, get_order(bytes));
    block = rsb_kmalloc_aligned_now(size, alignment);
    if (block) return block;
  }
  return NULL;
}
EXPORT_SYMBOL_GPL(rsb_kmalloc_reclaiming);

void rsb_kfree(const void* block) {
  if (unlikely(in_handler())) return rsb_heap_deallocate_nowait((void*)block);
  rsb_heap_deallocate((void*)block);
}
EXPORT_SYMBOL_GPL(rsb_kfree);

void* rsb_krealloc(void* block, size_t size, gfp_t flags) {
  void* copy;

  if (!block) return rsb_kmalloc(size, flags);
  if (WARN_ON_ONCE(in_handler())) return NULL;
  copy = rsb_heap_reallocate(block, size);
  if (copy) return copy;
  copy = rsb_kmalloc_reclaiming(size, 16, flags);
  if (!copy) return NULL;
  memcpy(copy, block, min(size, rsb_heap_usable_size(block)));
  rsb_heap_deallocate(block);
  return copy;
}
EXPORT_SYMBOL_GPL(rsb_krealloc);

size_t rsb_ksize(const void* block) {
  if (WARN_ON_ONCE(in_handler())) return 0;
  return rsb_heap_usable_size(block);
}
EXPORT_SYMBOL_GPL(rsb_ksize);

// ---- Memory is short, a CPU is gone ----

static atomic_long_t shrinks, shrunk_bytes, caches_returned;

static unsigned long count_free(struct shrinker* shrinker, struct shrink_control* control) {
  // One more: what lies in caches, or was freed by handlers, is not counted.
  return rsb_heap_free_bytes() / PAGE_SIZE + 1;
}

static unsigned long trim(struct shrinker* shrinker, struct shrink_control* control) {
  const size_t bytes = rsb_heap_trim();

  atomic_long_inc(&shrinks);
  atomic_long_add(bytes, &shrunk_bytes);
  return bytes != 0 ? bytes / PAGE_SIZE : SHRINK_STOP;
}

static struct shrinker shrinker = {
    .count_objects = count_free,
    .scan_objects = trim,
    .seeks = DEFAULT_SEEKS,
};

static int cpu_is_gone(unsigned cpu) {
  rsb_heap_cpu_is_gone(cpu);
  atomic_long_inc(&caches_returned);
  return 0;
}

// ---- Statistics ----

void rsb_kstats(struct rsb_kstats* stats) {
  struct rsb_heap_numbers heap;

  rsb_heap_stats(&heap);
  *stats = (struct rsb_kstats){
      .live_blocks = heap.live_blocks,
      .live_bytes = heap.live_bytes,
      .cached_blocks = heap.cached_blocks,
      .cached_bytes = heap.cached_bytes,
      .deferred_blocks = heap.deferred_blocks,
      .used_bytes = heap.used_bytes,
      .free_bytes = heap.free_bytes,
      .longest_free_run_bytes = heap.longest_run_bytes,
      .acquired_bytes = heap.acquired_bytes,
      .peak_acquired_bytes = heap.peak_acquired_bytes,
      .metadata_bytes = heap.metadata_bytes,
      .object_bytes = heap.object_bytes,
      .failures = heap.failures,
      .pages_acquired = atomic_long_read(&pages_acquired),
      .pages_released = atomic_long_read(&pages_released),
      .shrinks = atomic_long_read(&shrinks),
      .shrunk_bytes = atomic_long_read(&shrunk_bytes),
      .caches_returned = atomic_long_read(&caches_returned),
  };
}
EXPORT_SYMBOL_GPL(rsb_kstats);

const char* rsb_kcheck(void) {
  return rsb_heap_check();
}
EXPORT_SYMBOL_GPL(rsb_kcheck);

size_t rsb_ktrim(void) {
  return rsb_heap_trim();
}
EXPORT_SYMBOL_GPL(rsb_ktrim);

// ---- Begin and end ----

static int hotplug_state;

static int __init begin(void) {
  int status;

  if (nr_cpu_ids > RSB_LINUX_CPUS) {
    pr_err("built for %u CPUs, and there are %u: build with RSB_CPUS=%u\n", RSB_LINUX_CPUS,
           nr_cpu_ids, nr_cpu_ids);
    return -EINVAL;
  }
  rsb_heap_seed(get_random_u32());
  rsb_kfree(rsb_kmalloc_now(64));  // now there are nodes of the map, and the reserve

  hotplug_state =
      cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "mm/rsbmalloc:prepare", NULL, cpu_is_gone);
  if (hotplug_state < 0) {
    release_all();
    return hotplug_state;
  }
  status = register_shrinker(&shrinker, "rsbmalloc");
  if (status != 0) {
    cpuhp_remove_state_nocalls(hotplug_state);
    release_all();
    return status;
  }
  rsb_debugfs_begin();
  return 0;
}

static void __exit end(void) {
  struct rsb_kstats stats;

  rsb_debugfs_end();
  unregister_shrinker(&shrinker);
  cpuhp_remove_state_nocalls(hotplug_state);

  rsb_heap_trim();
  rsb_kstats(&stats);
  if (stats.live_blocks != 0) {
    WARN(1, "%s: %zu blocks of %zu bytes were never freed; their pages are lost\n", KBUILD_MODNAME,
         stats.live_blocks, stats.live_bytes);
    return;
  }
  release_all();
  pr_info("unloaded: %ld pages acquired, %ld released\n", atomic_long_read(&pages_acquired),
          atomic_long_read(&pages_released));
}

module_init(begin);
module_exit(end);

MODULE_DESCRIPTION("A memory allocator");
MODULE_LICENSE("Dual MIT/GPL");
