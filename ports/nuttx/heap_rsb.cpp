// SPDX-License-Identifier: MIT OR Apache-2.0
// NuttX's heap for CONFIG_MM_CUSTOMIZE_MANAGER: the functions of its nuttx/mm/mm.h that mm/mm_heap
// has, over rsb::SmallHeap. README.md says what differs from mm_heap, and has the settings.
//
// All but what begins and ends a heap may be called by tasks, by interrupt handlers that NuttX
// masks, and while it switches tasks: nobody waits, and nothing is delayed. While a heap is at work
// this CPU's interrupts are masked and, with CONFIG_SPINLOCK, the heap's own spinlock is held.
#include <nuttx/config.h>

#include <assert.h>
#include <execinfo.h>
#include <nuttx/arch.h>
#include <nuttx/debug.h>
#include <nuttx/fs/procfs.h>
#include <nuttx/irq.h>
#include <nuttx/sched_note.h>
#include <nuttx/spinlock.h>
#include <string.h>
#include <syslog.h>

// It needs string.h before it.
#include <nuttx/mm/mm.h>

#include "rsb/small_inspector.hpp"

#ifndef CONFIG_BUILD_FLAT
#error This heap masks interrupts, which tasks must be allowed to: it is for CONFIG_BUILD_FLAT
#endif
#if CONFIG_MM_BACKTRACE >= 0
#error This heap has no room for a task in each block: CONFIG_MM_BACKTRACE must be -1
#endif
#ifdef CONFIG_MM_KASAN
#error This heap tells KASAN nothing: CONFIG_MM_KASAN must not be set
#endif

#if defined(CONFIG_FS_PROCFS) && !defined(CONFIG_FS_PROCFS_EXCLUDE_MEMINFO)
#define RSB_IS_SHOWN 1  // in /proc/meminfo
#else
#define RSB_IS_SHOWN 0
#endif

namespace {

#ifdef CONFIG_RSBMALLOC_WORDS
constexpr bool has_words = true;
#else
constexpr bool has_words = false;
#endif

class Lock {
 public:
  void lock() noexcept {
    const irqstate_t before = spin_lock_irqsave(&spin_);
    // A handler above those that NuttX masks. (With spinlocks it waits for ever.)
    if (is_taken_) rsb::raise(rsb::Fault::call_inside_call, this);
    is_taken_ = true;
    before_ = before;
  }
  void unlock() noexcept {
    is_taken_ = false;
    spin_unlock_irqrestore(&spin_, before_);
  }

 private:
  [[maybe_unused]] spinlock_t spin_{};
  bool is_taken_ = false;
  irqstate_t before_{};
};

// More than a heap takes in one piece is several, side by side.
constexpr size_t most_at_once = 8 * rsb::MiB;

struct Config {
  using Lock = ::Lock;
  static constexpr rsb::SmallOptions options{
      .words = has_words,
      // One region after the other may be larger.
      .largest_region = CONFIG_MM_REGIONS > 1 ? most_at_once : 0,
      .statistics = true};
};
using Heap = rsb::SmallHeap<Config>;

// As mm_addregion() was given them: the memory is one range, of one or more of the heap's regions.
struct Region {
  char* last;  // the last of the heap's regions
  char* end;
};

// Adds to what several tasks count at once.
void count(size_t& counter, size_t change) noexcept {
#if __GCC_ATOMIC_LONG_LOCK_FREE == 2
  __atomic_fetch_add(&counter, change, __ATOMIC_RELAXED);
#else
  // Such processors come one at a time.
  const irqstate_t before = up_irq_save();
  counter += change;
  up_irq_restore(before);
#endif
}

}  // namespace

struct mm_heap_s {
  Heap heap;
  size_t bytes = 0;  // all that it was given, itself included
  size_t live_blocks = 0;
  size_t most_used = 0;  // before the last region came
  Region regions[CONFIG_MM_REGIONS]{};
  int region_count = 0;
#if RSB_IS_SHOWN
  procfs_meminfo_entry_s entry{};
#endif

  size_t used_bytes() noexcept {
    return bytes - heap.free_bytes();
  }
  size_t most_used_bytes() noexcept {
    return rsb::larger(most_used, bytes - heap.least_free_bytes());
  }

  static void* operator new(size_t, void* at) noexcept {
    return at;
  }
};

namespace {

// ---- Memory ----

// Gives the heap all of it, in as few pieces as it takes. Returns the base of the last one; null:
// it takes none.
char* add_pieces(mm_heap_s& heap, char* base, size_t bytes) noexcept {
  char* last = nullptr;
  while (bytes != 0) {
    const size_t piece = rsb::smaller(bytes, most_at_once);
    if (heap.heap.add_region(base, piece) != 0) last = base;
    base += piece;
    bytes -= piece;
  }
  return last;
}

// ---- Blocks ----

// What NuttX does besides when memory has run out, as its settings say.
[[gnu::cold]] void tell_failure([[maybe_unused]] mm_heap_s* heap, [[maybe_unused]] size_t size) {
#ifdef CONFIG_DEBUG_MM
  if (!MM_INTERNAL_HEAP(heap)) return;
  mwarn("WARNING: Allocation failed, size %zu\n", size);
#ifdef CONFIG_MM_DUMP_ON_FAILURE
  [[maybe_unused]] const struct mallinfo info = mm_mallinfo(heap);
  mwarn("Total:%d, used:%d, free:%d, largest:%d, nused:%d, nfree:%d\n", info.arena, info.uordblks,
        info.fordblks, info.mxordblk, info.aordblks, info.ordblks);
#ifdef CONFIG_MM_DUMP_DETAILS_ON_FAILURE
  const mm_memdump_s dump{PID_MM_ALLOC};
  mm_memdump(heap, &dump);
#endif
#endif
#ifdef CONFIG_MM_PANIC_ON_FAILURE
  PANIC();
#endif
#endif
}

void note([[maybe_unused]] mm_heap_s* heap, [[maybe_unused]] void* block,
          [[maybe_unused]] uint8_t what) noexcept {
#ifdef CONFIG_SCHED_INSTRUMENTATION_HEAP
  sched_note_heap(what, heap, block, heap->heap.usable_size(block), heap->used_bytes());
#endif
}

void* allocate(mm_heap_s* heap, size_t size, size_t alignment) noexcept {
  alignment = rsb::larger(alignment, MM_ALIGN);
  void* const block =
      alignment <= Heap::granule ? heap->heap.allocate(size) : heap->heap.allocate(size, alignment);
  if (block == nullptr) [[unlikely]] {
    tell_failure(heap, size);
    return nullptr;
  }
  count(heap->live_blocks, 1);
  note(heap, block, NOTE_HEAP_ALLOC);
#ifdef CONFIG_MM_FILL_ALLOCATIONS
  memset(block, MM_ALLOC_MAGIC, heap->heap.usable_size(block));
#endif
  return block;
}

// ---- What a dump has of the heap's pieces ----

bool is_wanted(pid_t what, const rsb::SmallPiece& piece) noexcept {
  if (what == PID_MM_ALLOC) return piece.use == rsb::SmallUse::block;
  if (what == PID_MM_FREE)
    return piece.use == rsb::SmallUse::free || piece.use == rsb::SmallUse::top;
  return false;
}

}  // namespace

extern "C" {

// Called by a heap, and never returns. (Weak, since core declares it so.)
void rsb_fault(rsb_fault_kind kind, const void* address) {
  _alert("heap: %s: %p\n", rsb::fault_name(static_cast<rsb::Fault>(kind)), address);
  PANIC();
  __builtin_trap();
}

// ---- Beginning and ending ----

mm_heap_s* mm_initialize_heap(const mm_heap_config_s* config) {
  char* base = static_cast<char*>(config->start);
  size_t bytes = config->size;
  mm_heap_s* heap;
  if (config->heap != nullptr) {
    heap =
        static_cast<mm_heap_s*>(mm_memalign(config->heap, alignof(mm_heap_s), sizeof(mm_heap_s)));
    if (heap == nullptr) return nullptr;
    new (heap) mm_heap_s;
  } else {
    char* const at = rsb::align_up(base, alignof(mm_heap_s));
    const size_t before = rsb::bytes_from(base, at) + sizeof(mm_heap_s);
    DEBUGASSERT(bytes > before);
    heap = new (at) mm_heap_s;
    heap->bytes = sizeof(mm_heap_s);
    base += before;
    bytes -= before;
  }
  mm_addregion(heap, base, bytes);
#if RSB_IS_SHOWN
  heap->entry.name = config->name;
  heap->entry.heap = heap;
  procfs_register_meminfo(&heap->entry);
#endif
  return heap;
}

#ifdef CONFIG_MM_HEAP_MEMPOOL
// Small blocks need no pools of their own.
mm_heap_s* mm_initialize_pool(const mm_heap_config_s* config, const mempool_init_s*) {
  return mm_initialize_heap(config);
}
#endif

// Nobody may use the heap meanwhile, or later.
void mm_uninitialize([[maybe_unused]] mm_heap_s* heap) {
#if RSB_IS_SHOWN
  procfs_unregister_meminfo(&heap->entry);
#endif
  sched_note_heap(NOTE_HEAP_REMOVE, heap, heap, heap->bytes, heap->used_bytes());
}

void mm_addregion(mm_heap_s* heap, void* heapstart, size_t heapsize) {
  DEBUGASSERT(heap->region_count < CONFIG_MM_REGIONS);
  if (heap->region_count >= CONFIG_MM_REGIONS) return;
#ifdef CONFIG_MM_FILL_ALLOCATIONS
  memset(heapstart, MM_INIT_MAGIC, heapsize);
#endif
  if (heap->region_count != 0) heap->most_used = heap->most_used_bytes();
  char* const base = static_cast<char*>(heapstart);
  char* const last = add_pieces(*heap, base, heapsize);
  DEBUGASSERT(last != nullptr);
  if (last == nullptr) return;
  heap->heap.reset_least_free_bytes();
  heap->regions[heap->region_count++] = {last, base + heapsize};
  heap->bytes += heapsize;
  sched_note_heap(NOTE_HEAP_ADD, heap, heapstart, heapsize, heap->used_bytes());
}

void* mm_brkaddr(mm_heap_s* heap, int region) {
  DEBUGASSERT(region >= 0 && region < CONFIG_MM_REGIONS);
  return heap->regions[region].end;
}

void mm_extend(mm_heap_s* heap, void* mem, size_t size, int region) {
  DEBUGASSERT(region >= 0 && region < heap->region_count);
  Region& extended = heap->regions[region];
  DEBUGASSERT(mem == extended.end);
  heap->most_used = heap->most_used_bytes();
  if (heap->heap.extend_region(extended.last, size) == 0) {
    char* const last = add_pieces(*heap, extended.end, size);
    DEBUGASSERT(last != nullptr);
    if (last == nullptr) return;
    extended.last = last;
  }
  heap->heap.reset_least_free_bytes();
  extended.end += size;
  heap->bytes += size;
}

// ---- Allocating and releasing ----

void* mm_malloc(mm_heap_s* heap, size_t size) {
  return allocate(heap, size, 0);
}

void* mm_memalign(mm_heap_s* heap, size_t alignment, size_t size) {
  if ((alignment & (alignment - 1)) != 0) return nullptr;  // also one that MM_ALIGN would hide
  return allocate(heap, size, alignment);
}

void* mm_zalloc(mm_heap_s* heap, size_t size) {
  void* const block = mm_malloc(heap, size);
  if (block != nullptr) memset(block, 0, size);
  return block;
}

void* mm_calloc(mm_heap_s* heap, size_t n, size_t elem_size) {
  size_t bytes;
  return __builtin_mul_overflow(n, elem_size, &bytes) ? nullptr : mm_zalloc(heap, bytes);
}

void* mm_realloc(mm_heap_s* heap, void* oldmem, size_t size) {
  if (oldmem == nullptr) return mm_malloc(heap, size);
  void* const block = heap->heap.reallocate(oldmem, size, MM_ALIGN);
  if (block == nullptr) {
    tell_failure(heap, size);
  } else {
    note(heap, block, NOTE_HEAP_ALLOC);
  }
  return block;
}

void mm_free(mm_heap_s* heap, void* mem) {
  if (mem == nullptr) return;
  note(heap, mem, NOTE_HEAP_FREE);
#ifdef CONFIG_MM_FILL_ALLOCATIONS
  memset(mem, MM_FREE_MAGIC, heap->heap.usable_size(mem));
#endif
  heap->heap.deallocate(mem);
  count(heap->live_blocks, -size_t{1});
}

// ---- Questions ----

size_t mm_malloc_size(mm_heap_s* heap, void* mem) {
  return heap->heap.usable_size(mem);
}

bool mm_heapmember(mm_heap_s* heap, void* mem) {
  return heap->heap.may_own(mem);
}

size_t mm_heapfree(mm_heap_s* heap) {
  return heap->heap.free_bytes();
}

size_t mm_heapfree_largest(mm_heap_s* heap) {
  return heap->heap.largest_request();
}

// Masks for one list of free blocks at a time: what changes meanwhile is seen as before or after.
struct mallinfo mm_mallinfo(mm_heap_s* heap) {
  size_t blocks = 0;
  size_t largest = 0;
  unsigned turn = 0;
  do {
    turn = heap->heap.visit_free_blocks(turn, [&](size_t bytes) {
      blocks++;
      largest = rsb::larger(largest, bytes);
    });
  } while (turn != 0);
  const size_t free = heap->heap.free_bytes();
  struct mallinfo info {};
  info.arena = static_cast<int>(heap->bytes);
  info.ordblks = static_cast<int>(blocks);
  info.aordblks = static_cast<int>(heap->live_blocks);
  info.mxordblk = static_cast<int>(largest);
  info.uordblks = static_cast<int>(heap->bytes - free);
  info.fordblks = static_cast<int>(free);
  info.usmblks = static_cast<int>(heap->most_used_bytes());
  return info;
}

// Blocks do not say whose they are: no task has any.
struct mallinfo_task mm_mallinfo_task(mm_heap_s* heap, const malltask* task) {
  const struct mallinfo all = mm_mallinfo(heap);
  if (task->pid == PID_MM_ALLOC) return {all.aordblks, all.uordblks};
  if (task->pid == PID_MM_FREE) return {all.ordblks, all.fordblks};
  return {0, 0};
}

// Masks for as long as it takes to walk over all pieces that were shown, and some more: it is for
// looking for faults.
void mm_memdump(mm_heap_s* heap, const mm_memdump_s* dump) {
  syslog(LOG_INFO, "%12s%*s\n", "Size", BACKTRACE_PTR_FMT_WIDTH, "Address");
  size_t blocks = 0;
  size_t bytes = 0;
  constexpr size_t most = 8;
  rsb::SmallPiece pieces[most];
  size_t seen = 0;
  size_t found;
  do {
    found = 0;
    size_t skipped = 0;
    rsb::inspect(heap->heap).walk_pieces([&](const rsb::SmallPiece& piece) {
      if (skipped++ < seen) return true;
      seen++;
      if (is_wanted(dump->pid, piece)) pieces[found++] = piece;
      return found < most;
    });
    for (size_t i = 0; i < found; i++) {
      blocks++;
      bytes += pieces[i].bytes;
      syslog(LOG_INFO, "%12zu%*p\n", pieces[i].bytes, BACKTRACE_PTR_FMT_WIDTH, pieces[i].base);
    }
  } while (found == most);
  syslog(LOG_INFO, "%12s%12s\n", "Total Blks", "Total Size");
  syslog(LOG_INFO, "%12zu%12zu\n", blocks, bytes);
}

#ifdef CONFIG_DEBUG_MM
// Masks for as long as it takes to look at every block.
void mm_checkcorruption(mm_heap_s* heap) {
  if (const char* const broken = rsb::inspect(heap->heap).check()) {
    _alert("heap: not so: %s\n", broken);
    PANIC();
  }
}
#endif

}  // extern "C"
