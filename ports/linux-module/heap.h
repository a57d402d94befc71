/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What heap.cpp, which is C++ and includes nothing of the kernel's, and module.c have for each
 * other. */
#ifndef RSB_LINUX_HEAP_H
#define RSB_LINUX_HEAP_H

#ifdef __cplusplus
#include <stddef.h>
#define RSB_LINUX_NOEXCEPT noexcept
extern "C" {
#else
#include <linux/types.h>
#define RSB_LINUX_NOEXCEPT
#endif

/* As the kernel is built: module.c compares them. */
#define RSB_LINUX_PAGE_SHIFT 12
#define RSB_LINUX_MAX_ORDER 10

/* The largest blocks that are not whole pages. */
#define RSB_LINUX_SPAN_BYTES 16384

/* ---- heap.cpp has ---- */

/* For threads that have interrupts and bottom halves on. */
void* rsb_heap_allocate(size_t size) RSB_LINUX_NOEXCEPT;
void* rsb_heap_allocate_aligned(size_t size, size_t alignment) RSB_LINUX_NOEXCEPT;
void* rsb_heap_reallocate(void* block, size_t size) RSB_LINUX_NOEXCEPT;
void rsb_heap_deallocate(void* block) RSB_LINUX_NOEXCEPT;
size_t rsb_heap_usable_size(const void* block) RSB_LINUX_NOEXCEPT;
size_t rsb_heap_trim(void) RSB_LINUX_NOEXCEPT;
void rsb_heap_cpu_is_gone(unsigned cpu) RSB_LINUX_NOEXCEPT;
const char* rsb_heap_check(void) RSB_LINUX_NOEXCEPT; /* null: all is well */

/* For all. */
void* rsb_heap_allocate_nowait(size_t size, size_t alignment) RSB_LINUX_NOEXCEPT;
void rsb_heap_deallocate_nowait(void* block) RSB_LINUX_NOEXCEPT;

/* For all but an NMI. Whether there was, a moment ago, a run of pages for such a request: the page
 * allocator is asked for one if need be. */
int rsb_heap_fetch_pages(size_t size, size_t alignment) RSB_LINUX_NOEXCEPT;
size_t rsb_heap_free_bytes(void) RSB_LINUX_NOEXCEPT; /* of pages */

/* Makes links of free blocks unpredictable. */
void rsb_heap_seed(unsigned random) RSB_LINUX_NOEXCEPT;

/* The heap's own statistics, a name and a number each; see rsb_kstats. */
struct rsb_heap_numbers {
  size_t live_blocks, live_bytes, cached_blocks, cached_bytes, deferred_blocks;
  size_t used_bytes, free_bytes, longest_run_bytes, acquired_bytes, peak_acquired_bytes;
  size_t metadata_bytes, object_bytes, failures;
};
void rsb_heap_stats(struct rsb_heap_numbers* stats) RSB_LINUX_NOEXCEPT;

size_t rsb_heap_bins(void) RSB_LINUX_NOEXCEPT;
void rsb_heap_bin(size_t bin, size_t* slot_bytes, size_t* spans, size_t* slots,
                  size_t* live) RSB_LINUX_NOEXCEPT; /* bin < rsb_heap_bins() */

/* Of each run of pages: what `use` says as a letter ('.' free, 's' slots, 'L' one block, 'P' pages,
 * 'R' reserve), how many of the bytes are live. Called with the heap's lock held. */
typedef void (*rsb_heap_visit)(void* context, const void* base, size_t bytes, char use,
                               size_t live_bytes);
void rsb_heap_walk_runs(rsb_heap_visit visit, void* context) RSB_LINUX_NOEXCEPT;

const char* rsb_heap_fault_name(int fault) RSB_LINUX_NOEXCEPT;

/* ---- module.c has ---- */

/* 2^order pages, aligned to their size, each of which is freed on its own; null: there are none. */
void* rsb_linux_alloc_pages(unsigned order) RSB_LINUX_NOEXCEPT;
void rsb_linux_free_pages(void* base, unsigned order) RSB_LINUX_NOEXCEPT;

/* What is the heap's from now on, and what is not any more. */
void rsb_linux_acquired(void* base, size_t bytes) RSB_LINUX_NOEXCEPT;
void rsb_linux_released(void* base) RSB_LINUX_NOEXCEPT;

/* The one lock of the heap, with interrupts off. */
void rsb_linux_lock(void) RSB_LINUX_NOEXCEPT;
int rsb_linux_try_lock(void) RSB_LINUX_NOEXCEPT;
int rsb_linux_lock_in_handler(void) RSB_LINUX_NOEXCEPT; /* waits, but in an NMI */
void rsb_linux_unlock(void) RSB_LINUX_NOEXCEPT;

/* smp_processor_id(), preempt_disable() and preempt_enable(); and the end of the latter. */
unsigned rsb_linux_current_cpu(void) RSB_LINUX_NOEXCEPT;
unsigned rsb_linux_cpus(void) RSB_LINUX_NOEXCEPT; /* nr_cpu_ids */
void rsb_linux_disable_preemption(void) RSB_LINUX_NOEXCEPT;
void rsb_linux_enable_preemption(void) RSB_LINUX_NOEXCEPT;
void rsb_linux_reschedule(void) RSB_LINUX_NOEXCEPT;

/* rsb_fault() of rsb/rsb.h, whose first argument is an enumeration. */
#ifndef __cplusplus
void rsb_fault(int kind, const void* address);
#endif

#ifdef __cplusplus
}
#endif
#endif
