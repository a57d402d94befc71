// SPDX-License-Identifier: MIT OR Apache-2.0
/* rsbmalloc for C (and C++): the built instance, all names prefixed.
 *
 * Sizes are bytes, alignments powers of two. Null means: there is no memory (errno is ENOMEM on
 * systems that have errno). Unless said otherwise a function may be called by any number of
 * threads, takes a bounded number of steps besides the calls of the page source, and must not be
 * called from a signal or interrupt handler that can interrupt another call of this library: for
 * those there are the functions named _nowait.
 *
 * What free-like functions are given must have come from the matching function of this library
 * and be live. With checks `basic`, what does not is reported to rsb_fault() instead of corrupting
 * the heap. Null is always allowed and does nothing.
 *
 * The built instance may be a small heap (rsb/small_heap.hpp), if its configuration says so. All of
 * this holds for it too, with what is said below of small heaps.
 */
#ifndef RSB_RSB_H
#define RSB_RSB_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header, for #if also as one number: 102 would be 0.1.2. Until 1.0 a new minor
 * version may break a program. */
#define RSB_VERSION_MAJOR 0
#define RSB_VERSION_MINOR 1
#define RSB_VERSION_PATCH 0
#define RSB_VERSION (RSB_VERSION_MAJOR * 10000L + RSB_VERSION_MINOR * 100 + RSB_VERSION_PATCH)

#if defined(__GNUC__) && !defined(_WIN32)
#pragma GCC visibility push(default)
#endif

#ifdef __cplusplus
#if __cplusplus >= 201103L
#define RSB_NOEXCEPT noexcept
#else
#define RSB_NOEXCEPT throw()
#endif
extern "C" {
#else
#define RSB_NOEXCEPT
#endif

#if defined(__GNUC__)
#define RSB_NORETURN __attribute__((noreturn))
#define RSB_MALLOC_LIKE(...) __attribute__((malloc, warn_unused_result, alloc_size(__VA_ARGS__)))
#define RSB_NODISCARD __attribute__((warn_unused_result))
#else
#define RSB_NORETURN
#define RSB_MALLOC_LIKE(...)
#define RSB_NODISCARD
#endif

/* ---- The standard family (C 2023, 7.24.3; POSIX.1-2024; glibc), prefixed ----------------------
 *
 * Blocks are aligned to 8 at least (4 on 32-bit targets) and to 16 from 16 bytes up; of a small
 * heap on 32-bit Arm, all to 8. A size of 0 gives a unique pointer, of a small heap null if its
 * options say so. Sizes above PTRDIFF_MAX, and products that overflow, give null.
 */

RSB_MALLOC_LIKE(1) void* rsb_malloc(size_t size) RSB_NOEXCEPT;
/* Zero as far as rsb_malloc_usable_size() says. */
RSB_MALLOC_LIKE(1, 2) void* rsb_calloc(size_t count, size_t size) RSB_NOEXCEPT;
void rsb_free(void* block) RSB_NOEXCEPT;

/* The block with its contents up to the smaller size; null leaves the old block as it was.
 * realloc(null, n) is malloc(n); realloc(p, 0) keeps a block of the smallest size. */
RSB_NODISCARD void* rsb_realloc(void* block, size_t size) RSB_NOEXCEPT;
RSB_NODISCARD void* rsb_reallocarray(void* block, size_t count, size_t size) RSB_NOEXCEPT;

/* Null (EINVAL) if the alignment is not a power of two; any size, any power of two. */
RSB_MALLOC_LIKE(2) void* rsb_aligned_alloc(size_t alignment, size_t size) RSB_NOEXCEPT;
/* The same, but an alignment that is no power of two is rounded up to one (as glibc does). */
RSB_MALLOC_LIKE(2) void* rsb_memalign(size_t alignment, size_t size) RSB_NOEXCEPT;
/* 0 and *block set; or EINVAL (22) or ENOMEM (12) and *block untouched. EINVAL: the alignment is
 * not a power of two or less than a pointer. */
RSB_NODISCARD int rsb_posix_memalign(void** block, size_t alignment, size_t size) RSB_NOEXCEPT;
/* Aligned to the allocator's page; pvalloc also rounds the size up to whole pages. Of a small heap,
 * which has no pages: to 256 bytes. */
RSB_MALLOC_LIKE(1) void* rsb_valloc(size_t size) RSB_NOEXCEPT;
RSB_NODISCARD void* rsb_pvalloc(size_t size) RSB_NOEXCEPT;

/* Bytes of the block that may be used: at least what was asked for. 0 for null. */
size_t rsb_malloc_usable_size(const void* block) RSB_NOEXCEPT;

/* C23: the size is the one last asked of malloc, calloc or realloc (free_sized), size and alignment
 * those given to aligned_alloc (free_aligned_sized). Checked: a wrong size class is a fault. */
void rsb_free_sized(void* block, size_t size) RSB_NOEXCEPT;
void rsb_free_aligned_sized(void* block, size_t alignment, size_t size) RSB_NOEXCEPT;

/* ---- Size and alignment known to the caller ----------------------------------------------------
 *
 * The smallest slot that fits both: rsb_allocate(4, 4) costs 4 bytes, of a small heap 16 at least.
 * Alignment 0 or 1 means none.
 * Release by rsb_deallocate with the same size and alignment, or by rsb_free. */
RSB_MALLOC_LIKE(1) void* rsb_allocate(size_t size, size_t alignment) RSB_NOEXCEPT;
/* Zero as far as rsb_malloc_usable_size() says. */
RSB_MALLOC_LIKE(1) void* rsb_allocate_zeroed(size_t size, size_t alignment) RSB_NOEXCEPT;
RSB_NODISCARD void* rsb_reallocate(void* block, size_t size, size_t alignment) RSB_NOEXCEPT;
void rsb_deallocate(void* block, size_t size, size_t alignment) RSB_NOEXCEPT;

/* ---- From interrupt and signal handlers ---------------------------------------------------------
 *
 * These never wait, take a bounded number of steps, and call nothing: not the page source, nor the
 * out-of-memory handler; errno stays as it is. What they return and take are blocks like all
 * others: rsb_free() may be given what rsb_malloc_nowait() returned, rsb_free_nowait() what
 * rsb_malloc() did. core/handlers.md says what may be called from where.
 *
 * Allocating tries the lock. Null: it is taken (perhaps by the code that was interrupted), or there
 * is nothing in the bin, in the free pages and in the reserve (Options::reserve_pages). The free
 * pages are not for it while more waits of what rsb_free_nowait() was given than one call takes
 * over, and Options::deferred_batch spans have been taken meanwhile. Always null if the configured
 * lock can neither be tried nor promises never to wait. */
RSB_MALLOC_LIKE(1) void* rsb_malloc_nowait(size_t size) RSB_NOEXCEPT;
/* Null also if the alignment is not a power of two. */
RSB_MALLOC_LIKE(2) void* rsb_aligned_alloc_nowait(size_t alignment, size_t size) RSB_NOEXCEPT;

/* Releases without the lock: also in a handler that interrupted a holder of the lock, and on
 * several cores at once. The block counts as live until another call takes it over. A misuse that
 * is seen at once is a fault at once: rsb_fault() is called in the handler, and must not jump out
 * of it. Others are faults of the call that takes the block over.
 * Traps if the heap is configured without it (Options::deferred_batch is 0; in SmallOptions that is
 * the default). */
void rsb_free_nowait(void* block) RSB_NOEXCEPT;

/* ---- The page-only allocator --------------------------------------------------------------------
 *
 * Runs of whole pages; `alignment` in bytes, 0 for one page. What it returns is released
 * by rsb_page_free and by nothing else. A small heap has no pages: their size is 0, there never are
 * any (null), and what rsb_page_free() is given is a foreign pointer. */
size_t rsb_page_size(void) RSB_NOEXCEPT;
RSB_NODISCARD void* rsb_page_allocate(size_t pages, size_t alignment) RSB_NOEXCEPT;
/* True: the run now has `pages` pages at the same address. False: it is as it was. */
RSB_NODISCARD int rsb_page_resize(void* run, size_t pages) RSB_NOEXCEPT;
void rsb_page_free(void* run) RSB_NOEXCEPT;

/* Hands memory to the heap: any address, any number of bytes; what does not fill a page at
 * its ends is left unused, and so is the beginning of a region at address 0. It may end with the
 * last address. The caller must not touch it any more. Returns the bytes that became allocatable, 0
 * if the region is too small or there is no memory to keep track of it. There may be any number of
 * regions; with a flat map each makes every release a little slower. Of a small heap the first
 * region also holds the heap's lists; SmallHeap::add_region() says what limits the others. */
size_t rsb_add_region(void* base, size_t bytes) RSB_NOEXCEPT;

/* Takes a region out again, given by the same arguments. From the first call on nothing is
 * allocated from it; as soon as nothing in it is in use, a call returns the bytes that are not
 * allocatable any more, and the memory is the caller's. Until then it returns 0: call again later,
 * or keep the region after all by rsb_add_region(). 0 also if there is no such region, or, with a
 * flat map and outside its windows, if it is none of the first few (Options::removable_regions).
 * Linear in the number of bins, spans with free slots, and pages in the region.
 * A small heap goes on allocating from the region until a call finds it empty, and keeps its first
 * region for good; of one that was extended or shrunk `bytes` are those that it has now. Linear in
 * the number of regions. */
RSB_NODISCARD size_t rsb_remove_region(void* base, size_t bytes) RSB_NOEXCEPT;

/* A region known when the program is built (RSB_PLATFORM=static-pool): define
 *   const rsb_region rsb_regions[] = {{pool, sizeof pool}, {0, 0}};
 * with any number of regions and an empty one at the end (one at address 0 is none unless it has no
 * bytes). They are added when memory is first needed. */
typedef struct rsb_region {
  void* base;
  size_t bytes;
} rsb_region;
extern const rsb_region rsb_regions[];

/* ---- What the heap knows about itself
 * -----------------------------------------------------------*/

/* Of a small heap, which has no pages: used_bytes are those of live blocks, free_bytes the free
 * ones. longest_run_bytes is the largest request that would be met. peak_acquired_bytes is what
 * there is now. bins, kept_bytes, acquisitions, releases and reserved_pages are 0, and without
 * SmallOptions::statistics peak_used_bytes. */
typedef struct rsb_stats {
  size_t live_blocks;     /* blocks handed out and not released */
  size_t live_bytes;      /* their usable bytes */
  size_t used_bytes;      /* bytes of the pages that hold live blocks or belong to a bin */
  size_t peak_used_bytes; /* the most that used_bytes has been */
  size_t free_bytes;      /* bytes of pages kept for later */
  size_t kept_bytes; /* of those, bytes that were used and not discarded since: they hold memory */
  size_t acquired_bytes; /* used_bytes + free_bytes: what the page source and regions gave */
  size_t peak_acquired_bytes;
  size_t metadata_bytes; /* acquired besides, for page map and caches; touched as needed */
  size_t acquisitions;   /* successful calls of the page source, map included */
  size_t releases;       /* acquisitions given back */
  size_t failures;       /* allocations that returned null */
  size_t bins;           /* number of size classes */
  /* What could be had at once, without the page source and without trimming: */
  size_t longest_run_bytes; /* as a run of pages (which may overlook one that is an eighth longer);
                               fragmentation is 1 - longest_run_bytes / free_bytes */
  size_t largest_block_bytes; /* as a block */
  /* Of live_blocks, those that rsb_free_nowait() was given and that no call has taken over yet. */
  size_t deferred_blocks;
  size_t reserved_pages; /* pages of used_bytes that are kept for rsb_malloc_nowait() */
  /* With RSB_CACHES or level full, else 0. Not of live_blocks and live_bytes, but of used_bytes. */
  size_t cached_blocks; /* slots and large blocks that lie in caches, or wait in the queue */
  size_t cached_bytes;
  /* Of live_blocks and live_bytes, those of whole pages, which are in no bin. Of a small heap 0. */
  size_t large_blocks;
  size_t large_bytes;
} rsb_stats;

typedef struct rsb_bin_stats {
  size_t slot_bytes; /* size of a slot */
  size_t spans;      /* spans the bin holds */
  size_t slots;      /* slots in them */
  size_t live;       /* slots handed out */
} rsb_bin_stats;

/* These hold the heap's lock while they look at every span: linear in the number of runs, walk and
 * check also in the number of slots. */
void rsb_get_stats(rsb_stats* stats) RSB_NOEXCEPT;
/* 0 if there is no such bin. Bins are numbered from 0 in ascending order of slot size. A small heap
 * has none. */
int rsb_get_bin_stats(size_t bin, rsb_bin_stats* stats) RSB_NOEXCEPT;

/* Calls visit(block, usable bytes, context) for every live block until it returns 0; returns 0 in
 * that case, else 1. The visitor must not call the heap. */
int rsb_walk(int (*visit)(void* block, size_t bytes, void* context), void* context);

/* What is known of an address: what rsb_fault() may want to say of the one that it is given. */
typedef enum rsb_block_state {
  RSB_NO_BLOCK = 0,  /* in none that was ever handed out, so far as the heap knows */
  RSB_BLOCK_LIVE,    /* handed out, and not released; also what waits after rsb_free_nowait(), and
                        perhaps a free block that was written to (RSB_OVERWRITTEN_LINK) */
  RSB_BLOCK_WAITING, /* level full: released, and not yet given back to the heap below */
  RSB_BLOCK_FREE     /* released and given back; or in memory that never was handed out */
} rsb_block_state;

typedef struct rsb_description {
  rsb_block_state state;
  /* Where the block begins. Null: there is none, or nobody knows any more where it began, as in
   * free pages, which may have been several blocks. Then size and offset are 0. */
  const void* block;
  size_t size;       /* level full: what was asked for; else the bytes that may be used */
  ptrdiff_t offset;  /* of the address from the block's start; with level full it may be negative,
                        or beyond the size: in what guards the block */
  size_t slot_bytes; /* of the slot that the address lies in; 0: in none, but in whole pages, or in
                        a small heap */
  /* The pages that it lies in: a span of slots, a large block's, or a run of pages, used or free.
   * Null, and 0 bytes: not known; a small heap has none. */
  const void* run;
  size_t run_bytes;
  /* Level full, else null: return addresses of the calls that allocated the block, or resized it to
   * another place, and that released it. Null where that is not kept: who allocated a block only as
   * long as it is live or waits, and where pointers have four bytes, while it is live; who released
   * it, until the memory is used again. Of a block before which was written (RSB_UNDERFLOW) it is
   * what is found there. */
  const void* allocated_by;
  const void* freed_by;
  /* Level full, else null: the first byte behind the block, or of one that was freed, that is not
   * as the heap left it. */
  const void* written_to;
} rsb_description;

/* Describes any address, without touching what is there unless it is the heap's own. Non-zero:
 * something is known. 0: it is not this heap's, and *description says RSB_NO_BLOCK, and all else is
 * null. What another thread does meanwhile may make it wrong.
 *
 * It takes the heap's lock: constant time for slots, else linear in the number of runs, of a small
 * heap in that of the region's blocks. So rsb_fault() may call it wherever no lock is held: not for
 * RSB_CALL_INSIDE_CALL, nor in a handler that calls rsb_free_nowait(). It allocates nothing. */
int rsb_describe(const void* address, rsb_description* description) RSB_NOEXCEPT;

/* The version of the library that the program has been linked to or has loaded, as "0.1.0"; the
 * header's is RSB_VERSION. From anywhere; never null, and stays. */
const char* rsb_version(void) RSB_NOEXCEPT;

/* Verifies every invariant. Null if all hold; else a sentence that says what should hold, and does
 * not: "a bin lists each span once" is said where one is listed twice. Two of them are of what the
 * program did, with level full: "what lies behind a block is as the heap left it", RSB_OVERFLOW as
 * a fault, and "a freed block is as the heap left it", RSB_OVERWRITTEN_LINK. */
const char* rsb_check(void) RSB_NOEXCEPT;

/* Gives back all that is free; returns how many bytes went back to the page source (from a pool:
 * 0). What rsb_free_nowait() was given is taken over first. */
size_t rsb_trim(void) RSB_NOEXCEPT;

/* ---- What a small heap answers besides ----------------------------------------------------------
 *
 * Of another built instance these trap, but for those of which something else is said. They take
 * the heap's lock, and constant time if nothing else is said. */

/* Bytes of free memory, in blocks and where nothing was allocated yet; and the least that it ever
 * was since the first memory was added, rsb_clear(), or the reset. Without
 * SmallOptions::statistics they trap. */
size_t rsb_free_bytes(void) RSB_NOEXCEPT;
size_t rsb_least_free_bytes(void) RSB_NOEXCEPT;
void rsb_reset_least_free_bytes(void) RSB_NOEXCEPT;
/* The largest request that would now be met for certain without more memory; 0: none. */
size_t rsb_largest_request(void) RSB_NOEXCEPT;
/* Into how many pieces the free memory is cut. Linear in that. */
size_t rsb_free_blocks(void) RSB_NOEXCEPT;
/* False: the address is in no block of this heap; so is null. Of a small heap: whether it lies
 * among the blocks of one of the regions, linear in their number. Of any other: whether the page
 * map tells of its page, which may also be a page that is nobody's. */
int rsb_may_own(const void* address) RSB_NOEXCEPT;
/* The live block that the address points into, at its start or not; null: none. Linear in the
 * number of the region's blocks. */
void* rsb_block_with(const void* address) RSB_NOEXCEPT;

/* Begins anew: no block is live any more, and the memory stays the heap's. Nobody may be in another
 * call, or use a block. Linear in the size of the tables and the number of regions, and of what
 * rsb_free_nowait() was given. */
void rsb_clear(void) RSB_NOEXCEPT;

/* As rsb_add_region(), for a region that will be extended to up to `most` bytes: what tells of its
 * blocks is large enough for that, and stays where it is. `most` beyond
 * SmallOptions::largest_region, by default the first region's size, is not used. Of another heap as
 * rsb_add_region(). */
size_t rsb_add_growing_region(void* base, size_t bytes, size_t most) RSB_NOEXCEPT;
/* The region that was given with this base is now larger: the `more` bytes behind it are the heap's
 * too. Returns how many more it has now for blocks, and for a larger table if there was no room in
 * the old one; 0, and nothing has changed, if there is no such region, or the bytes are too few or
 * more than SmallHeap::extend_region() says. Linear in the size of the table, if that moves. Of
 * another heap always 0: there add a region. */
RSB_NODISCARD size_t rsb_extend_region(void* base, size_t more) RSB_NOEXCEPT;
/* Gives back what is free at the end of the region that was given with this base, but for `keep`
 * bytes of it. Returns how many bytes at the region's end are the caller's now, which counts as a
 * use of free bytes in rsb_least_free_bytes(). Of another heap always 0. Takes over all that
 * rsb_free_nowait() was given first. */
RSB_NODISCARD size_t rsb_shrink_region(void* base, size_t keep) RSB_NOEXCEPT;

/* ---- Failure
 * ------------------------------------------------------------------------------------*/

typedef enum rsb_fault_kind {
  RSB_DOUBLE_FREE = 1,
  RSB_FOREIGN_POINTER,     /* not from this heap, or of a block whose page is gone */
  RSB_INTERIOR_POINTER,    /* into a block, but not its start */
  RSB_MISALIGNED_POINTER,  /* no block starts at such an address */
  RSB_SIZE_MISMATCH,       /* sized release with another size or alignment class */
  RSB_OVERWRITTEN_LINK,    /* a free block was written to */
  RSB_BAD_PAGES,           /* the page source returned misaligned or overlapping pages, or some that
                              the page map cannot tell from others (Options::address_bits); or
                              such a region was added, or one beyond the last address */
  RSB_PAGE_SIZE_TOO_SMALL, /* the system's page is larger than the allocator's */
  RSB_OUT_OF_MEMORY,       /* plain operator new had nothing to return */
  RSB_CALL_INSIDE_CALL,    /* a call that would wait for one that it has interrupted itself */
  RSB_OVERFLOW,            /* level full: what lies behind the block was written to */
  RSB_UNDERFLOW,           /* level full: what lies before the block was written to */
  RSB_MISMATCHED_RELEASE,  /* level full: freed in another way than made: new, new[], malloc */
  RSB_DAMAGED_DESCRIPTOR   /* level full: what the heap has noted of its memory was written to */
} rsb_fault_kind;

/* Called when a misuse is caught, with no lock held; must not return (the heap is as it was
 * before the faulty call, so a longjmp out of it is fine; after RSB_DAMAGED_DESCRIPTOR nothing is
 * certain, and the address is not a block's). But RSB_CALL_INSIDE_CALL, and what
 * rsb_free_nowait() sees, may come inside another call, which holds the lock: then it must neither
 * call the heap nor jump out. What block the address lies in, rsb_describe() says. Define it to
 * replace the default, which traps; on systems with a standard error stream it first says what
 * happened. */
RSB_NORETURN void rsb_fault(rsb_fault_kind kind, const void* address);

/* The sentence for a kind; never null. */
const char* rsb_fault_name(rsb_fault_kind kind) RSB_NOEXCEPT;

/* Called without a lock when a request of `bytes` bytes cannot be met. Non-zero: memory was freed,
 * try again; 0: give up. Null (the default): give up. Returns the previous handler. */
typedef int (*rsb_out_of_memory_handler)(size_t bytes);
rsb_out_of_memory_handler rsb_set_out_of_memory_handler(rsb_out_of_memory_handler) RSB_NOEXCEPT;

/* ---- The page source of RSB_PLATFORM=user: two functions that the user defines ----------------
 *
 * acquire: `bytes` bytes (whole pages) at a multiple of `alignment` (at least a page), or null.
 * release: exactly what one acquire returned. Called by any thread, never with the heap's lock
 * held; they must not call the heap. */
void* rsb_pages_acquire(size_t bytes, size_t alignment);
void rsb_pages_release(void* base, size_t bytes);

/* ---- Something random: a function that the user may define (RSB_PLATFORM=user, static-pool) -----
 *
 * 32 bits that nobody can guess, other ones at each start: from them the heap makes its secrets
 * (core/faults.md says what they are good for). Called once, before the first block is handed out
 * that has to do with them; with the heap's lock held, perhaps in a handler: it must not call the
 * heap. Without it all works, and the secrets are the same at each start. */
uint32_t rsb_random(void);

#ifdef __cplusplus
}
#endif

#if defined(__GNUC__) && !defined(_WIN32)
#pragma GCC visibility pop
#endif

#endif /* RSB_RSB_H */
