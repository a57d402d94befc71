// SPDX-License-Identifier: MIT OR Apache-2.0
// What ports/nuttx promises by NuttX's functions, under each settings.h beside this file, with a
// stand-in for the kernel that counts.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nuttx/fs/procfs.h>
#include <nuttx/mm/mm.h>
#include <nuttx/sched_note.h>
#include <nuttx/spinlock.h>
#include <syslog.h>

#include "support/test.hpp"

mm_heap_s* g_mmheap = nullptr;

namespace {

// ---- The kernel's place ----

constexpr irqstate_t all_masked = 5;
irqstate_t level = 0;  // of interrupts that are masked
unsigned masks = 0;
[[maybe_unused]] unsigned spinlocks_held = 0;

char last_line[160];
unsigned lines = 0;       // of the log
unsigned warnings = 0;    // of them
unsigned with_masks = 0;  // of them, though it may take long

procfs_meminfo_entry_s* shown = nullptr;
unsigned notes[5];

jmp_buf* landing = nullptr;

// Whether work() ends in a panic.
template <class Work>
bool panics(Work work) {
  jmp_buf place;
  landing = &place;
  volatile bool ended = true;
  if (setjmp(place) == 0) {
    work();
    ended = false;
  }
  landing = nullptr;
  return ended;
}

#ifdef CONFIG_SCHED_INSTRUMENTATION_HEAP
constexpr bool takes_notes = true;
#else
constexpr bool takes_notes = false;
#endif
#ifdef CONFIG_MM_FILL_ALLOCATIONS
constexpr bool fills = true;
#else
constexpr bool fills = false;
#endif
#ifdef CONFIG_DEBUG_MM
constexpr bool warns = true;
#else
constexpr bool warns = false;
#endif
#ifdef CONFIG_FS_PROCFS
constexpr bool shows = true;
#else
constexpr bool shows = false;
#endif
#ifdef CONFIG_RSBMALLOC_WORDS
constexpr bool has_words = true;
#else
constexpr bool has_words = false;
#endif

// ---- The heap's ----

constexpr size_t memory_bytes = 24 * 1024;
alignas(64) char memory[memory_bytes];
alignas(64) char more_memory[16 * 1024];

bool is_aligned(const void* p, size_t alignment = MM_ALIGN) {
  return support::opaque(reinterpret_cast<uintptr_t>(p)) % alignment == 0;
}

// A heap that has begun anew. Where it lies is no multiple of anything.
struct Fresh {
  mm_heap_s* heap;

  explicit Fresh(size_t bytes = memory_bytes - 3) {
    level = masks = lines = warnings = with_masks = 0;
    memset(notes, 0, sizeof notes);
    memset(memory, 0xee, sizeof memory);
    const mm_heap_config_s config{nullptr, "Umem", memory + 3, bytes, false};
    heap = mm_initialize_pool(&config, nullptr);
    g_mmheap = heap;
  }
  ~Fresh() {
    mm_checkcorruption(heap);
    mm_uninitialize(heap);
    CHECK(level == 0);
    CHECK(spinlocks_held == 0);
    CHECK(with_masks == 0);
  }
  Fresh(const Fresh&) = delete;
  Fresh& operator=(const Fresh&) = delete;

  struct mallinfo info() const {
    return mm_mallinfo(heap);
  }
  // As much is free as `before`, in as many pieces.
  void check_all_is_back(const struct mallinfo& before) const {
    const struct mallinfo now = info();
    CHECK(now.fordblks == before.fordblks);
    CHECK(now.ordblks == before.ordblks);
    CHECK(now.mxordblk == before.mxordblk);
    CHECK(now.aordblks == before.aordblks);
  }
};

}  // namespace

extern "C" {

irqstate_t up_irq_save() {
  masks++;
  const irqstate_t before = level;
  level = all_masked;
  return before;
}
void up_irq_restore(irqstate_t flags) {
  if (level != all_masked) abort();
  level = flags;
}
#ifdef CONFIG_SPINLOCK
irqstate_t spin_lock_irqsave(volatile spinlock_t* lock) {
  const irqstate_t flags = up_irq_save();
  if (*lock != 0) abort();
  *lock = 1;
  spinlocks_held++;
  return flags;
}
void spin_unlock_irqrestore(volatile spinlock_t* lock, irqstate_t flags) {
  if (*lock != 1) abort();
  *lock = 0;
  spinlocks_held--;
  up_irq_restore(flags);
}
#endif
void test_panic() {
  if (landing == nullptr) abort();
  longjmp(*landing, 1);
}
void syslog(int priority, const char* format, ...) {
  lines++;
  warnings += priority == LOG_WARNING;
  with_masks += level != 0;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_line, sizeof last_line, format, arguments);
  va_end(arguments);
}
void procfs_register_meminfo(procfs_meminfo_entry_s* entry) {
  shown = entry;
}
void procfs_unregister_meminfo(procfs_meminfo_entry_s* entry) {
  if (shown == entry) shown = nullptr;
}
#ifdef CONFIG_SCHED_INSTRUMENTATION_HEAP
void sched_note_heap(uint8_t event, void* heap, void*, size_t size, size_t curused) {
  if (size == 0 || heap == nullptr || curused > memory_bytes + sizeof more_memory) abort();
  notes[event]++;
}
#endif

}  // extern "C"

TEST_CASE("blocks of all sizes are aligned, apart, and leave nothing behind") {
  Fresh fresh;
  const struct mallinfo before = fresh.info();
  constexpr size_t sizes[] = {0, 1, 2, 7, 8, 15, 16, 24, 33, 100, 500, 1'000, 2'000};
  constexpr unsigned count = sizeof sizes / sizeof *sizes;
  char* blocks[count];
  for (unsigned i = 0; i < count; i++) {
    blocks[i] = static_cast<char*>(mm_malloc(fresh.heap, sizes[i]));
    REQUIRE(blocks[i] != nullptr);
    CHECK(is_aligned(blocks[i]));
    CHECK(blocks[i] > memory);
    CHECK(blocks[i] + sizes[i] <= memory + memory_bytes);
    CHECK(mm_malloc_size(fresh.heap, blocks[i]) >= sizes[i]);
    CHECK(mm_heapmember(fresh.heap, blocks[i]));
    if (fills) CHECK(support::holds_only(blocks[i], sizes[i], MM_ALLOC_MAGIC));
    support::fill_pattern(blocks[i], sizes[i], i);
  }
  CHECK(fresh.info().aordblks == before.aordblks + static_cast<int>(count));
  for (unsigned i = 0; i < count; i++) {
    CHECK(support::holds_pattern(blocks[i], sizes[i], i));
  }
  for (char* const block : blocks) mm_free(fresh.heap, block);
  mm_free(fresh.heap, nullptr);
  CHECK(mm_malloc_size(fresh.heap, nullptr) == 0);
  fresh.check_all_is_back(before);
  if (takes_notes) {
    CHECK(notes[NOTE_HEAP_ADD] == 1);
    CHECK(notes[NOTE_HEAP_ALLOC] == count);
    CHECK(notes[NOTE_HEAP_FREE] == count);
  }
}

TEST_CASE("a request for too much gets null, and is told as the settings say") {
  Fresh fresh;
  CHECK(mm_malloc(fresh.heap, support::opaque(SIZE_MAX)) == nullptr);
  CHECK(mm_malloc(fresh.heap, support::opaque(memory_bytes)) == nullptr);
  CHECK(mm_calloc(fresh.heap, support::opaque(SIZE_MAX / 2 + 2), 2) == nullptr);
  CHECK(mm_zalloc(fresh.heap, support::opaque(memory_bytes)) == nullptr);
  // Two lines for each that is no overflow: it, and what there is.
  CHECK(warnings == (warns ? 6 : 0));
  CHECK(fresh.info().aordblks == 0);
  void* const block = mm_malloc(fresh.heap, 100);
  support::fill_pattern(block, 100, 1);
  CHECK(mm_realloc(fresh.heap, block, support::opaque(memory_bytes)) == nullptr);
  CHECK(support::holds_pattern(block, 100, 1));
  mm_free(fresh.heap, block);
}

TEST_CASE("a heap that is not NuttX's own runs out without a word") {
  Fresh fresh;
  g_mmheap = nullptr;
  CHECK(mm_malloc(fresh.heap, support::opaque(memory_bytes)) == nullptr);
  CHECK(lines == 0);
}

TEST_CASE("zeroed memory is zero, and what is freed is filled if the settings say so") {
  Fresh fresh;
  auto* const dirty = static_cast<char*>(mm_malloc(fresh.heap, 300));
  support::fill(dirty, 300, 0x77);
  mm_free(fresh.heap, dirty);
  // The heap has its links at a free block's start, and its size at its end.
  if (fills) CHECK(support::holds_only(dirty + 32, 200, MM_FREE_MAGIC));
  void* const block = mm_calloc(fresh.heap, 3, 100);
  CHECK(support::holds_only(block, 300, 0));
  void* const other = mm_zalloc(fresh.heap, 90);
  CHECK(support::holds_only(other, 90, 0));
  void* const none = mm_calloc(fresh.heap, 0, 8);
  CHECK(none != nullptr);
  for (void* const p : {block, other, none}) mm_free(fresh.heap, p);
}

TEST_CASE("alignments that are powers of two are served, and others not") {
  Fresh fresh;
  const struct mallinfo before = fresh.info();
  for (size_t alignment = 1; alignment <= 2'048; alignment *= 2) {
    void* const block = mm_memalign(fresh.heap, alignment, 100);
    REQUIRE(block != nullptr);
    CHECK(is_aligned(block, alignment));
    CHECK(is_aligned(block));
    mm_free(fresh.heap, block);
  }
  for (size_t alignment : {size_t{3}, size_t{5}, size_t{7}, size_t{12}, size_t{48}}) {
    CHECK(mm_memalign(fresh.heap, alignment, 100) == nullptr);
  }
  fresh.check_all_is_back(before);
}

TEST_CASE("a block that changes its size keeps what it holds, and its alignment") {
  Fresh fresh;
  const struct mallinfo before = fresh.info();
  auto* block = static_cast<char*>(mm_realloc(fresh.heap, nullptr, 60));
  support::fill_pattern(block, 60, 3);
  void* const behind = mm_malloc(fresh.heap, 8);
  char* const moved = static_cast<char*>(mm_realloc(fresh.heap, block, 900));
  REQUIRE(moved != nullptr);
  CHECK(moved != block);
  CHECK(is_aligned(moved));
  CHECK(support::holds_pattern(moved, 60, 3));
  CHECK(mm_realloc(fresh.heap, moved, 30) == moved);
  CHECK(mm_realloc(fresh.heap, moved, 800) == moved);  // what it gave back is behind it
  CHECK(support::holds_pattern(moved, 30, 3));
  CHECK(fresh.info().aordblks == 2);
  char* const least = static_cast<char*>(mm_realloc(fresh.heap, moved, 0));
  CHECK(least == moved);
  mm_free(fresh.heap, behind);
  mm_free(fresh.heap, least);

  // Wherever it gets to.
  void* kept[12];
  for (unsigned i = 0; i < 12; i += 2) {
    kept[i] = mm_malloc(fresh.heap, 24);
    kept[i + 1] = mm_malloc(fresh.heap, 40 + 8 * i);
    kept[i] = mm_realloc(fresh.heap, kept[i], 200 + 24 * i);
    REQUIRE(kept[i] != nullptr);
    CHECK(is_aligned(kept[i]));
  }
  for (void* const p : kept) mm_free(fresh.heap, p);
  fresh.check_all_is_back(before);
}

TEST_CASE("what it says of itself adds up") {
  Fresh fresh;
  const struct mallinfo before = fresh.info();
  CHECK(before.arena <= static_cast<int>(memory_bytes) - 3);
  CHECK(before.arena > static_cast<int>(memory_bytes) - 3 - 16);
  CHECK(before.arena == before.uordblks + before.fordblks);
  CHECK(before.usmblks == before.uordblks);
  CHECK(before.ordblks == 1);
  CHECK(before.mxordblk == before.fordblks);
  CHECK(before.aordblks == 0);
  CHECK(before.uordblks < 2'600);  // of 24 KiB; on 64-bit machines
  CHECK(mm_heapfree(fresh.heap) == static_cast<size_t>(before.fordblks));

  void* const first = mm_malloc(fresh.heap, 1'000);
  void* const second = mm_malloc(fresh.heap, 2'000);
  const struct mallinfo most = fresh.info();
  CHECK(most.uordblks >= before.uordblks + 3'000);
  mm_free(fresh.heap, first);
  const struct mallinfo now = fresh.info();
  CHECK(now.arena == now.uordblks + now.fordblks);
  CHECK(now.usmblks >= most.uordblks);
  CHECK(now.usmblks < most.uordblks + 200);  // one that is cut to be aligned
  CHECK(now.aordblks == 1);
  CHECK(now.ordblks == 2);
  CHECK(now.mxordblk < now.fordblks);

  const malltask all{PID_MM_ALLOC};
  const malltask none{PID_MM_FREE};
  const malltask task{3};
  CHECK(mm_mallinfo_task(fresh.heap, &all).aordblks == 1);
  CHECK(mm_mallinfo_task(fresh.heap, &all).uordblks == now.uordblks);
  CHECK(mm_mallinfo_task(fresh.heap, &none).aordblks == 2);
  CHECK(mm_mallinfo_task(fresh.heap, &none).uordblks == now.fordblks);
  CHECK(mm_mallinfo_task(fresh.heap, &task).aordblks == 0);
  CHECK(mm_mallinfo_task(fresh.heap, &task).uordblks == 0);

  const size_t largest = mm_heapfree_largest(fresh.heap);
  CHECK(largest <= static_cast<size_t>(now.mxordblk));
  CHECK(largest > static_cast<size_t>(now.mxordblk) - 100);
  mm_free(fresh.heap, second);
}

TEST_CASE("a heap lies in its memory, or is a block of another") {
  Fresh fresh;
  CHECK(reinterpret_cast<char*>(fresh.heap) < memory + 32);
  const struct mallinfo before = fresh.info();
  const mm_heap_config_s config{fresh.heap, "inner", more_memory, 8'000, false};
  mm_heap_s* const inner = mm_initialize_heap(&config);
  REQUIRE(inner != nullptr);
  CHECK(mm_heapmember(fresh.heap, inner));
  if (shows) CHECK((shown != nullptr && shown->heap == inner && strcmp(shown->name, "inner") == 0));
  CHECK(mm_mallinfo(inner).arena == 8'000);
  void* const block = mm_malloc(inner, 100);
  CHECK(mm_heapmember(inner, block));
  CHECK(!mm_heapmember(fresh.heap, block));
  mm_free(inner, block);
  mm_uninitialize(inner);
  CHECK(shown == nullptr);
  mm_free(fresh.heap, inner);
  fresh.check_all_is_back(before);
}

TEST_CASE("regions are used together, and grow") {
  Fresh fresh(8'000);
  char* const end = memory + 3 + 8'000;
  CHECK(mm_brkaddr(fresh.heap, 0) == end);
  void* const block = mm_malloc(fresh.heap, 2'000);
  mm_free(fresh.heap, mm_malloc(fresh.heap, 2'000));
  const struct mallinfo before = fresh.info();
  CHECK(before.usmblks >= before.uordblks + 2'000);

  mm_addregion(fresh.heap, more_memory + 1, 4'000);
  CHECK(mm_brkaddr(fresh.heap, 1) == more_memory + 4'001);
  const struct mallinfo with_region = fresh.info();
  CHECK(with_region.arena == before.arena + 4'000);
  CHECK(with_region.fordblks > before.fordblks + 3'000);
  CHECK(with_region.usmblks >= before.usmblks);
  CHECK(mm_heapmember(fresh.heap, more_memory + 2'000));

  mm_extend(fresh.heap, end, 4'000, 0);
  CHECK(mm_brkaddr(fresh.heap, 0) == end + 4'000);
  const struct mallinfo extended = fresh.info();
  CHECK(extended.arena == with_region.arena + 4'000);
  CHECK(extended.fordblks > with_region.fordblks + 2'900);  // the table has moved, and is larger
  mm_extend(fresh.heap, more_memory + 4'001, 2'000, 1);
  CHECK(mm_brkaddr(fresh.heap, 1) == more_memory + 6'001);
  CHECK(fresh.info().fordblks > extended.fordblks + 900);

  // The most there ever was in use is not forgotten.
  mm_free(fresh.heap, block);
  CHECK(fresh.info().usmblks >= before.usmblks);

  // All can be had, wherever it lies.
  void* first = nullptr;
  size_t had = 0;
  unsigned of_second = 0;
  while (auto** const next = static_cast<void**>(mm_malloc(fresh.heap, 200))) {
    of_second += reinterpret_cast<char*>(next) >= more_memory &&
                 reinterpret_cast<char*>(next) < more_memory + sizeof more_memory;
    *next = first;
    first = next;
    had += 200;
  }
  CHECK(had > 18'000 - 2'000 - 18'000 / 5);
  CHECK(of_second > 20);
  while (first != nullptr) {
    void* const next = *static_cast<void**>(first);
    mm_free(fresh.heap, first);
    first = next;
  }
  if (warns) CHECK(panics([&] { mm_extend(fresh.heap, end, 4'000, 0); }));
}

TEST_CASE("a dump shows each block once, however many, with interrupts let in") {
  Fresh fresh;
  void* blocks[21];
  for (void*& block : blocks) block = mm_malloc(fresh.heap, 40);
  for (unsigned i = 0; i < 21; i += 2) mm_free(fresh.heap, blocks[i]);
  const malltask used{PID_MM_ALLOC};
  lines = 0;
  mm_memdump(fresh.heap, &used);
  CHECK(lines == 1 + 10 + 2);
  char expected[40];
  const int bytes = static_cast<int>(mm_malloc_size(fresh.heap, blocks[1]) + 4 * has_words) * 10;
  snprintf(expected, sizeof expected, "%12d%12d\n", 10, bytes);
  CHECK(strcmp(last_line, expected) == 0);
  const malltask unused{PID_MM_FREE};
  lines = 0;
  mm_memdump(fresh.heap, &unused);
  CHECK(lines == static_cast<unsigned>(1 + fresh.info().ordblks + 2));
  const malltask another{7};
  lines = 0;
  mm_memdump(fresh.heap, &another);
  CHECK(lines == 3);
  for (unsigned i = 1; i < 21; i += 2) mm_free(fresh.heap, blocks[i]);
}

TEST_CASE("misuse is a panic that says which, with interrupts as they were") {
  Fresh fresh;
  auto* const block = static_cast<char*>(mm_malloc(fresh.heap, 100));
  void* const other = mm_malloc(fresh.heap, 100);
  char of_nobody[64];
  CHECK(panics([&] { mm_free(fresh.heap, of_nobody + 8); }));
  CHECK(level == 0);
  CHECK(strstr(last_line, "heap: ") == last_line);
  CHECK(panics([&] { mm_free(fresh.heap, block + 32); }));
  mm_free(fresh.heap, block);
  CHECK(panics([&] { mm_free(fresh.heap, block); }));
  CHECK(level == 0);
  CHECK(strstr(last_line, "double free") != nullptr);
  CHECK(panics([&] { (void)mm_realloc(fresh.heap, block, 10); }));
  CHECK(level == 0);
  // And the heap works on.
  mm_free(fresh.heap, other);
  CHECK(fresh.info().aordblks == 0);
}

TEST_CASE("what was masked before a call is masked after it") {
  Fresh fresh;
  level = 3;
  const unsigned before = masks;
  void* const block = mm_malloc(fresh.heap, 50);
  CHECK(masks > before);
  CHECK(level == 3);
  mm_free(fresh.heap, block);
  CHECK(level == 3);
  (void)fresh.info();
  CHECK(level == 3);
  level = 0;
}

#ifdef CONFIG_DEBUG_MM
TEST_CASE("a heap whose inside was written to does not pass its check") {
  Fresh fresh;
  auto* const block = static_cast<char*>(mm_malloc(fresh.heap, 100));
  void* const behind = mm_malloc(fresh.heap, 100);
  mm_checkcorruption(fresh.heap);
  // There is the word of what lies behind it.
  char* const end = block + mm_malloc_size(fresh.heap, block);
  char kept[4];
  memcpy(kept, end, sizeof kept);
  memset(end, 0x11, sizeof kept);
  CHECK(panics([&] { mm_checkcorruption(fresh.heap); }));
  CHECK(strstr(last_line, "heap: not so: ") == last_line);
  memcpy(end, kept, sizeof kept);
  mm_free(fresh.heap, behind);
  mm_free(fresh.heap, block);
}
#endif
