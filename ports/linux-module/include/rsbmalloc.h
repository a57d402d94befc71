/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* rsbmalloc for other modules of the kernel. All functions are exported to modules that the kernel
 * takes for compatible with the GPL; who uses them is loaded after rsbmalloc.ko and keeps it
 * loaded.
 *
 * Sizes are bytes. Null means: there is no memory, or the size exceeds 4 MiB. A block is aligned to
 * 8 bytes, to 16 from 16 bytes up, and from 16 KiB up to a page: not, as kmalloc()'s, to its size
 * if that is a power of two. It lies in the direct map, so that virt_to_phys() serves. What lies in
 * it is whatever lay there before. A request for 0 bytes gets a block of 8.
 *
 * Whose calls. rsb_kmalloc(), rsb_kmalloc_aligned(), rsb_kzalloc(), rsb_kmalloc_now() and
 * rsb_kfree() may be called where kmalloc(size, flags) may, with the flags that are right there;
 * handlers of hard and soft interrupts and whoever holds spinlocks included. A handler, and who has
 * interrupts or bottom halves off, gets its block under the heap's lock and not from the CPU's
 * cache. In an NMI, rsb_kmalloc_now() and rsb_kfree() may be called; the former gives what is at
 * hand, and null if somebody holds the lock. All others are for threads that have interrupts and
 * bottom halves on.
 *
 * Misuse (a block that is not live, a write to a freed one) is named in the kernel's log, and then
 * a BUG().
 */
#ifndef RSBMALLOC_H
#define RSBMALLOC_H

#include <linux/gfp.h>
#include <linux/string.h>
#include <linux/types.h>

/* Never sleeps. Asks the page allocator for what is at hand, by GFP_NOWAIT, or GFP_ATOMIC where
 * preemption is off. */
void* rsb_kmalloc_now(size_t size) __malloc __alloc_size(1);
/* The same, at a multiple of `alignment`, a power of two up to 4 MiB. */
void* rsb_kmalloc_aligned_now(size_t size, size_t alignment) __malloc __alloc_size(1);

/* When one of these has returned null: has the kernel reclaim memory as `flags` allow, which may
 * sleep if they do, and tries again. */
void* rsb_kmalloc_reclaiming(size_t size, size_t alignment, gfp_t flags) __malloc __alloc_size(1);

/* As kmalloc() and kzalloc(). Of the flags count __GFP_ZERO and those that say what may be done to
 * get memory: whether to sleep, to write to disks or enter filesystems, how hard to try, whether to
 * warn. __GFP_NOFAIL and zones are not served. */
static __always_inline void* rsb_kmalloc_aligned(size_t size, size_t alignment, gfp_t flags) {
  void* block = rsb_kmalloc_aligned_now(size, alignment);

  if (unlikely(!block)) block = rsb_kmalloc_reclaiming(size, alignment, flags);
  if ((flags & __GFP_ZERO) && block) memset(block, 0, size);
  return block;
}

static __always_inline void* rsb_kmalloc(size_t size, gfp_t flags) {
  void* block = rsb_kmalloc_now(size);

  if (unlikely(!block)) block = rsb_kmalloc_reclaiming(size, 8, flags);
  if ((flags & __GFP_ZERO) && block) memset(block, 0, size);
  return block;
}

static __always_inline void* rsb_kzalloc(size_t size, gfp_t flags) {
  return rsb_kmalloc(size, flags | __GFP_ZERO);
}

/* Never sleeps. Null does nothing. */
void rsb_kfree(const void* block);

/* ---- For threads that have interrupts and bottom halves on ---- */

/* The block, perhaps elsewhere, with its contents up to the smaller size. Null: the old one is as
 * it was. rsb_krealloc(NULL, n, flags) is rsb_kmalloc(n, flags). */
void* rsb_krealloc(void* block, size_t size, gfp_t flags) __must_check __alloc_size(2);

/* Bytes of a live block that may be used; 0 for null. */
size_t rsb_ksize(const void* block);

struct rsb_kstats {
  size_t live_blocks, live_bytes;     /* handed out, rounded up to whole slots and pages */
  size_t cached_blocks, cached_bytes; /* in caches of CPUs, not live */
  size_t deferred_blocks; /* of the live ones: given back by handlers, not yet taken over */
  size_t used_bytes, free_bytes, longest_free_run_bytes; /* of pages */
  size_t acquired_bytes, peak_acquired_bytes;            /* used and free */
  size_t metadata_bytes;                                 /* of the page map, besides */
  size_t object_bytes; /* of the heap itself and its caches: a part of the module */
  size_t failures; /* requests that had null, and perhaps were met when memory had been reclaimed */
  size_t pages_acquired, pages_released; /* of the page allocator, ever */
  size_t shrinks, shrunk_bytes;          /* calls of the shrinker, and what they gave back */
  size_t caches_returned;                /* by CPUs that went offline */
};

/* Linear in the number of runs of pages, with the heap's lock held and interrupts off. */
void rsb_kstats(struct rsb_kstats* stats);

/* Null if every invariant of the heap holds; else a sentence that names one that does not. As
 * linear. */
const char* rsb_kcheck(void);

/* Gives back all that is free, also in the caches, to the page allocator. Returns bytes. */
size_t rsb_ktrim(void);

#endif
