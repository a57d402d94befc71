// SPDX-License-Identifier: MIT OR Apache-2.0
// What ports/freertos promises by its functions, under each FreeRTOSConfig.h beside this file, with
// a stand-in for the kernel that counts.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "rsb/rsb.h"
#include "settings.h"
#include "support/test.hpp"

namespace {

// ---- The kernel's place ----

constexpr UBaseType_t all_masked = 5;
UBaseType_t level = 0;  // of interrupts that are masked
unsigned masks = 0;
unsigned suspensions = 0;
unsigned resumptions = 0;
unsigned hooks = 0;

struct Trace {
  void* address;
  size_t bytes;
};
Trace last_malloc, last_free;
unsigned traces = 0;

jmp_buf* landing = nullptr;
int fault_kind = -1;
const void* fault_address = nullptr;
UBaseType_t level_at_fault = 0;

[[noreturn]] void land() {
  level_at_fault = level;
  if (landing == nullptr) abort();
  longjmp(*landing, 1);
}

// Whether work() ends in configASSERT(), or where faults go in its place.
template <class Work>
bool is_refused(Work work) {
  jmp_buf place;
  fault_kind = -1;
  fault_address = nullptr;
  landing = &place;
  volatile bool refused = true;
  if (setjmp(place) == 0) {
    work();
    refused = false;
  }
  landing = nullptr;
  return refused;
}

// ---- The heap's ----

alignas(32) uint8_t small_region[4 * 1024];
alignas(32) uint8_t large_region[24 * 1024];
alignas(32) uint8_t last_region[8 * 1024];
const HeapRegion_t regions[] = {{small_region + 1, sizeof small_region - 1},
                                {large_region, sizeof large_region},
                                {last_region, sizeof last_region},
                                {nullptr, 0}};

bool lies_in(const void* p, size_t bytes, const uint8_t* memory, size_t memory_bytes) {
  const auto offset = reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(memory);
  return offset < memory_bytes && bytes <= memory_bytes - offset;
}
bool lies_in_heap(const void* p, size_t bytes) {
  if (settings.heap != nullptr) return lies_in(p, bytes, settings.heap, settings.heap_bytes);
  if (settings.heap_bytes != 0) return true;  // nobody else knows where it is
  return lies_in(p, bytes, small_region, sizeof small_region) ||
         lies_in(p, bytes, large_region, sizeof large_region) ||
         lies_in(p, bytes, last_region, sizeof last_region);
}
bool is_aligned(const void* p) {
  return support::opaque(reinterpret_cast<uintptr_t>(p)) % settings.alignment == 0;
}

// A heap that has begun anew.
struct Fresh {
  Fresh() {
    vPortHeapResetState();
    level = 0;
    masks = suspensions = resumptions = hooks = traces = 0;
    if (settings.heap_bytes == 0) define_regions(regions);
  }
  ~Fresh() {
    CHECK(level == 0);
    CHECK(suspensions == resumptions);
  }
  Fresh(const Fresh&) = delete;
  Fresh& operator=(const Fresh&) = delete;
};

HeapStats_t stats() {
  HeapStats_t s;
  vPortGetHeapStats(&s);
  return s;
}

// As much is free as `before`, in as many pieces.
void check_all_is_back(const HeapStats_t& before) {
  const HeapStats_t now = stats();
  CHECK(now.xAvailableHeapSpaceInBytes == before.xAvailableHeapSpaceInBytes);
  CHECK(now.xNumberOfFreeBlocks == before.xNumberOfFreeBlocks);
  CHECK(now.xSizeOfLargestFreeBlockInBytes == before.xSizeOfLargestFreeBlockInBytes);
  CHECK(now.xSizeOfSmallestFreeBlockInBytes == before.xSizeOfSmallestFreeBlockInBytes);
  CHECK(now.xNumberOfSuccessfulAllocations - before.xNumberOfSuccessfulAllocations ==
        now.xNumberOfSuccessfulFrees - before.xNumberOfSuccessfulFrees);
}

}  // namespace

extern "C" {

UBaseType_t test_level() {
  return level;
}
UBaseType_t test_mask() {
  masks++;
  const UBaseType_t before = level;
  level = all_masked;
  return before;
}
void test_restore(UBaseType_t before) {
  if (level != all_masked) abort();
  level = before;
}
void test_enter_critical() {
  masks++;
  level++;
}
void test_exit_critical() {
  if (level == 0) abort();
  level--;
}
void vTaskSuspendAll() {
  suspensions++;
}
BaseType_t xTaskResumeAll() {
  resumptions++;
  return 0;
}
void vApplicationMallocFailedHook() {
  if (level != 0) abort();
  hooks++;
}
void test_trace_malloc(void* address, size_t bytes) {
  traces++;
  last_malloc = {address, bytes};
}
void test_trace_free(void* address, size_t bytes) {
  traces++;
  last_free = {address, bytes};
}
void test_assert_failed() {
  land();
}
void test_heap_fault(int kind, const void* address) {
  fault_kind = kind;
  fault_address = address;
  land();
}

}  // extern "C"

TEST_CASE("blocks of all sizes are aligned, apart, and leave nothing behind") {
  Fresh fresh;
  const HeapStats_t before = stats();
  constexpr size_t sizes[] = {1, 2, 7, 8, 15, 16, 24, 33, 100, 500, 1'000, 2'000};
  unsigned char* blocks[sizeof sizes / sizeof *sizes];
  unsigned i = 0;
  for (const size_t size : sizes) {
    blocks[i] = static_cast<unsigned char*>(pvPortMalloc(size));
    REQUIRE(blocks[i] != nullptr);
    CHECK(is_aligned(blocks[i]));
    CHECK(lies_in_heap(blocks[i], size));
    support::fill_pattern(blocks[i], size, i);
    i++;
  }
  i = 0;
  for (const size_t size : sizes) {
    CHECK(support::holds_pattern(blocks[i], size, i));
    i++;
  }
  for (unsigned char* const block : blocks) vPortFree(block);
  check_all_is_back(before);
}

TEST_CASE("a request for nothing gets null, and so does one for too much") {
  Fresh fresh;
  CHECK(pvPortMalloc(0) == nullptr);
  CHECK(pvPortMalloc(support::opaque(SIZE_MAX)) == nullptr);
  CHECK(pvPortMalloc(support::opaque(SIZE_MAX - 8)) == nullptr);
  CHECK(pvPortMalloc(support::opaque(size_t{21} * 1024 * 1024)) == nullptr);
  CHECK(stats().xNumberOfSuccessfulAllocations == 0);
  if (settings.has_hook) CHECK(hooks == 4);
  if (settings.traces) {
    CHECK(traces == 4);
    CHECK(last_malloc.address == nullptr);
    CHECK(last_malloc.bytes == 0);
  }
  vPortFree(nullptr);
  CHECK(stats().xNumberOfSuccessfulFrees == 0);
}

TEST_CASE("the hook is called for each failure, and for no success") {
  if (!settings.has_hook) return;
  Fresh fresh;
  void* const most = pvPortMalloc(stats().xSizeOfLargestFreeBlockInBytes - 64);
  CHECK(most != nullptr);
  CHECK(hooks == 0);
  CHECK(pvPortMalloc(1'000) == nullptr);
  CHECK(hooks == 1);
  CHECK(pvPortCalloc(10, 100) == nullptr);
  CHECK(hooks == 2);
  vPortFree(most);
}

TEST_CASE("cleared memory is all zero, and a product that is too large gets null") {
  Fresh fresh;
  void* const dirty = pvPortMalloc(300);
  support::fill(dirty, 300, 0xaa);
  vPortFree(dirty);
  void* const block = pvPortCalloc(3, 100);
  REQUIRE(block != nullptr);
  CHECK(support::holds_only(block, 300, 0));
  vPortFree(block);
  CHECK(pvPortCalloc(support::opaque(SIZE_MAX / 2 + 2), 2) == nullptr);
  CHECK(pvPortCalloc(0, 8) == nullptr);
}

TEST_CASE("all memory is free before the first request, and can be had") {
  Fresh fresh;
  const size_t free_bytes = xPortGetFreeHeapSize();
  const size_t given = settings.heap_bytes != 0
                           ? settings.heap_bytes
                           : sizeof small_region + sizeof large_region + sizeof last_region;
  CHECK(free_bytes < given);
  CHECK(free_bytes > given - given / 16 - 1024);
  CHECK(stats().xAvailableHeapSpaceInBytes == free_bytes);
  size_t had = 0;
  void* first = nullptr;
  while (void** const block = static_cast<void**>(pvPortMalloc(200))) {
    *block = first;
    first = block;
    had += 200;
  }
  CHECK(had > free_bytes - free_bytes / 5);
  CHECK(xPortGetFreeHeapSize() < free_bytes / 5);
  while (first != nullptr) {
    void* const next = *static_cast<void**>(first);
    vPortFree(first);
    first = next;
  }
  CHECK(xPortGetFreeHeapSize() == free_bytes);
}

TEST_CASE("free bytes and the least there ever were") {
  Fresh fresh;
  const size_t all = xPortGetFreeHeapSize();
  CHECK(xPortGetMinimumEverFreeHeapSize() == all);
  void* const first = pvPortMalloc(1'000);
  const size_t without_first = xPortGetFreeHeapSize();
  CHECK(without_first <= all - 1'000);
  void* const second = pvPortMalloc(500);
  const size_t least = xPortGetFreeHeapSize();
  CHECK(least <= without_first - 500);
  vPortFree(second);
  CHECK(xPortGetFreeHeapSize() == without_first);
  CHECK(xPortGetMinimumEverFreeHeapSize() <= least);
  CHECK(xPortGetMinimumEverFreeHeapSize() > least - 200);  // one that is cut to be aligned
  xPortResetHeapMinimumEverFreeHeapSize();
  CHECK(xPortGetMinimumEverFreeHeapSize() == without_first);
  vPortFree(first);
  CHECK(xPortGetFreeHeapSize() == all);
  CHECK(xPortGetMinimumEverFreeHeapSize() == without_first);
}

TEST_CASE("statistics are those of the free blocks") {
  Fresh fresh;
  const HeapStats_t before = stats();
  CHECK(before.xNumberOfFreeBlocks == (settings.heap_bytes == 0          ? 3
                                       : settings.heap_bytes > 8'000'000 ? 3
                                                                         : 1));
  void* keep[6];
  void* go[6];
  for (unsigned i = 0; i < 6; i++) {
    go[i] = pvPortMalloc(i == 2 ? 64 : 256);
    keep[i] = pvPortMalloc(256);
  }
  const size_t free_bytes = xPortGetFreeHeapSize();
  for (void* const block : go) vPortFree(block);
  const HeapStats_t s = stats();
  CHECK(s.xNumberOfSuccessfulAllocations == before.xNumberOfSuccessfulAllocations + 12);
  CHECK(s.xNumberOfSuccessfulFrees == before.xNumberOfSuccessfulFrees + 6);
  CHECK(s.xAvailableHeapSpaceInBytes == xPortGetFreeHeapSize());
  CHECK(s.xAvailableHeapSpaceInBytes >= free_bytes + 5 * 256 + 64);
  CHECK(s.xMinimumEverFreeBytesRemaining == xPortGetMinimumEverFreeHeapSize());
  CHECK(s.xSizeOfLargestFreeBlockInBytes <= before.xSizeOfLargestFreeBlockInBytes);
  CHECK(s.xSizeOfLargestFreeBlockInBytes > s.xSizeOfSmallestFreeBlockInBytes);
  if (settings.alignment == 8) {  // else there are pieces before blocks, too
    CHECK(s.xNumberOfFreeBlocks == before.xNumberOfFreeBlocks + 6);
    CHECK(s.xSizeOfSmallestFreeBlockInBytes >= 64);
    CHECK(s.xSizeOfSmallestFreeBlockInBytes < 64 + 32);
  }
  CHECK(suspensions == 2);
  for (void* const block : keep) vPortFree(block);
  check_all_is_back(before);
}

TEST_CASE("without memory nothing is free, and the smallest block is none") {
  if (settings.heap_bytes != 0) return;
  vPortHeapResetState();
  CHECK(pvPortMalloc(8) == nullptr);
  CHECK(xPortGetFreeHeapSize() == 0);
  CHECK(xPortGetMinimumEverFreeHeapSize() == 0);
  const HeapStats_t s = stats();
  CHECK(s.xNumberOfFreeBlocks == 0);
  CHECK(s.xSizeOfLargestFreeBlockInBytes == 0);
  CHECK(s.xSizeOfSmallestFreeBlockInBytes == SIZE_MAX);
}

TEST_CASE("regions are used together, the largest for the largest block, and are told once") {
  if (settings.heap_bytes != 0) return;
  Fresh fresh;
  CHECK(is_refused([] { define_regions(regions); }));
  vPortHeapResetState();
  const HeapRegion_t with_a_tiny_one[] = {
      {large_region, sizeof large_region}, {last_region, 24}, {nullptr, 0}};
  CHECK(is_refused([&] { define_regions(with_a_tiny_one); }));
  vPortHeapResetState();
  define_regions(regions);
  void* const large = pvPortMalloc(16 * 1024);
  REQUIRE(large != nullptr);
  CHECK(lies_in(large, 16 * 1024, large_region, sizeof large_region));
  bool in_small = false;
  bool in_last = false;
  while (void* const block = pvPortMalloc(100)) {
    in_small = in_small || lies_in(block, 100, small_region, sizeof small_region);
    in_last = in_last || lies_in(block, 100, last_region, sizeof last_region);
  }
  CHECK(in_small);
  CHECK(in_last);
}

TEST_CASE("interrupts are masked in each call, and are then as they were") {
  Fresh fresh;
  void* const warm = pvPortMalloc(8);
  masks = 0;
  void* const block = pvPortMalloc(100);
  CHECK((masks == 1 + unsigned(settings.traces)) == !settings.masks_as_core);
  CHECK(level == 0);
  masks = 0;
  vPortFree(block);
  CHECK((masks == 1 + unsigned(settings.traces + settings.clears)) == !settings.masks_as_core);
  level = 3;  // as in a handler
  void* const another = pvPortMalloc(100);
  CHECK(level == 3);
  vPortFree(another);
  CHECK(level == 3);
  (void)xPortGetFreeHeapSize();
  CHECK(level == 3);
  level = 0;
  vPortFree(warm);
}

TEST_CASE("misuse goes to configASSERT, with interrupts as they were") {
  if (!settings.asserts) return;
  Fresh fresh;
  auto* const block = static_cast<char*>(pvPortMalloc(100));
  auto* const behind = static_cast<char*>(pvPortMalloc(100));
  level_at_fault = 99;
  CHECK(is_refused([&] { vPortFree(block + 32); }));
  CHECK(level_at_fault == 0);
  if (settings.names_faults) CHECK(fault_address == block + 32);
  static char elsewhere[16];
  CHECK(is_refused([&] { vPortFree(elsewhere); }));
  if (settings.names_faults) CHECK(fault_kind == RSB_FOREIGN_POINTER);
  vPortFree(block);
  CHECK(is_refused([&] { vPortFree(block); }));
  if (settings.names_faults) {
    CHECK(fault_kind == RSB_DOUBLE_FREE);
    CHECK(fault_address == block);
  }
  vPortFree(behind);
}

TEST_CASE("traces tell the block and what may be used of it") {
  if (!settings.traces) return;
  Fresh fresh;
  void* const block = pvPortMalloc(100);
  CHECK(last_malloc.address == block);
  CHECK(last_malloc.bytes >= 100);
  CHECK(last_malloc.bytes < 116);
  vPortFree(block);
  CHECK(last_free.address == block);
  CHECK(last_free.bytes == last_malloc.bytes);
  CHECK(traces == 2);
}

TEST_CASE("what is freed is cleared, but for the heap's own words") {
  if (!settings.clears) return;
  Fresh fresh;
  auto* const block = static_cast<char*>(pvPortMalloc(200));
  void* const behind = pvPortMalloc(8);
  support::fill(block, 200, 0xaa);
  vPortFree(block);
  CHECK(support::holds_only(block + 4 * sizeof(void*), 200 - 8 * sizeof(void*), 0));
  // In those any byte may be 0xaa, but not four: they hold addresses, and those are multiples of 8.
  for (int i = 0; i < 200; i += 4) {
    uint32_t word;
    memcpy(&word, block + i, sizeof word);
    CHECK(word != 0xaaaaaaaa);
  }
  vPortFree(behind);
}

TEST_CASE("stacks have memory of their own") {
  if (settings.stack_bytes == 0) return;
  Fresh fresh;
  const size_t free_bytes = xPortGetFreeHeapSize();
  void* const stack = allocate_stack(2'048);
  void* const another = allocate_stack(4'096);
  REQUIRE(stack != nullptr);
  REQUIRE(another != nullptr);
  CHECK(is_aligned(stack));
  if (settings.stack_heap != nullptr) {
    CHECK(lies_in(stack, 2'048, settings.stack_heap, settings.stack_bytes));
    CHECK(lies_in(another, 4'096, settings.stack_heap, settings.stack_bytes));
  }
  CHECK(xPortGetFreeHeapSize() == free_bytes);
  CHECK(allocate_stack(4'096) == nullptr);
  if (settings.has_hook) CHECK(hooks == 1);
  if (settings.asserts) CHECK(is_refused([&] { vPortFree(stack); }));
  free_stack(another);
  free_stack(stack);
  void* const whole = allocate_stack(6 * 1024);
  CHECK(whole != nullptr);
  free_stack(whole);
}

TEST_CASE("a heap that is reset has all its memory, and has counted nothing") {
  Fresh fresh;
  const HeapStats_t before = stats();
  for (int i = 0; i < 10; i++) support::drop(pvPortMalloc(100));
  if (settings.stack_bytes != 0) CHECK(allocate_stack(6 * 1024) != nullptr);
  vPortHeapResetState();
  if (settings.stack_bytes != 0) CHECK(allocate_stack(6 * 1024) != nullptr);
  if (settings.heap_bytes == 0) define_regions(regions);
  vPortInitialiseBlocks();
  const HeapStats_t after = stats();
  CHECK(memcmp(&before, &after, sizeof before) == 0);
}

TEST_CASE("many blocks of random sizes keep what was written, and leave nothing behind") {
  Fresh fresh;
  const HeapStats_t before = stats();
  struct {
    void* block;
    size_t bytes;
    unsigned seed;
  } live[48] = {};
  support::Random random(7);
  for (unsigned i = 0; i < 20'000; i++) {
    auto& one = live[random.next() % 48];
    if (one.block != nullptr) {
      if (!support::holds_pattern(one.block, one.bytes, one.seed)) FAIL("a block was damaged");
      vPortFree(one.block);
      one.block = nullptr;
    } else {
      one.bytes = 1 + random.next() % 1'000;
      one.seed = i;
      one.block = pvPortMalloc(one.bytes);
      if (one.block != nullptr) support::fill_pattern(one.block, one.bytes, i);
    }
  }
  for (auto& one : live) vPortFree(one.block);
  check_all_is_back(before);
}
