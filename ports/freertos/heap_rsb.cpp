// SPDX-License-Identifier: MIT OR Apache-2.0
// FreeRTOS's heap, in place of heap_1.c to heap_5.c: the functions of its portable.h over an
// rsb::SmallHeap. README.md says what differs from heap_4, and has the settings.
//
// All but what begins anew may be called by tasks, and by interrupt handlers that may call the
// kernel: while the heap is at work interrupts are masked as the kernel masks them. Each allocation
// and release is of constant time.

// As the kernel's own files do: this is one of those that an MPU protects.
#define MPU_WRAPPERS_INCLUDED_FROM_API_FILE
#include "FreeRTOS.h"
#include "task.h"
#undef MPU_WRAPPERS_INCLUDED_FROM_API_FILE

#include "rsb/small_heap.hpp"

#if configSUPPORT_DYNAMIC_ALLOCATION == 0
#error This file is for configSUPPORT_DYNAMIC_ALLOCATION 1
#endif
#if defined(configNUMBER_OF_CORES) && configNUMBER_OF_CORES > 1
#error Masking interrupts keeps out but one core: this heap is for configNUMBER_OF_CORES 1
#endif

// ---- Settings of this heap, besides the kernel's ----

// 1: no memory but what vPortDefineHeapRegions() is told, as with heap_5.
#ifndef configHEAP_RSB_REGIONS
#define configHEAP_RSB_REGIONS 0
#endif

// 1: SmallOptions::words, less code and fewer instructions for 4 bytes before each block.
#ifndef configHEAP_RSB_WORDS
#define configHEAP_RSB_WORDS 0
#endif

// A statement for what the heap has caught, an rsb_fault_kind, and the address.
#ifndef configHEAP_RSB_FAULT
#define configHEAP_RSB_FAULT(xKind, pvAddress) configASSERT((xKind) == 0)
#endif

#ifndef configHEAP_CLEAR_MEMORY_ON_FREE
#define configHEAP_CLEAR_MEMORY_ON_FREE 0
#endif

// Bytes for stacks alone, if configSTACK_ALLOCATION_FROM_SEPARATE_HEAP is 1. Not defined: the
// application has pvPortMallocStack() and vPortFreeStack() itself.
#if configSTACK_ALLOCATION_FROM_SEPARATE_HEAP == 1 && defined(configHEAP_RSB_STACK_SIZE)
#define RSB_HAS_STACKS 1
#else
#define RSB_HAS_STACKS 0
#endif

namespace {

// ---- What keeps others out ----

#if defined(__unix__) || defined(__APPLE__) || defined(_WIN32)
// A simulator, whose interrupts are signals: there the kernel's macros for handlers mask nothing.
#define RSB_MASKS_FOR_TASKS_ALONE 1
#elif defined(portHAS_NESTED_INTERRUPTS) && portHAS_NESTED_INTERRUPTS == 0
// The kernel has none for this processor, where handlers do not interrupt each other.
#if defined(__riscv) || defined(__AVR__) || defined(__MSP430__) || defined(__XTENSA__) || \
    (defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M')
#define RSB_MASKS_AS_CORE 1
#else
#define RSB_MASKS_FOR_TASKS_ALONE 1
#endif
#endif

#if defined(RSB_MASKS_FOR_TASKS_ALONE)
struct Interrupts {
  struct State {};
  static State mask() noexcept {
    portENTER_CRITICAL();
    return {};
  }
  static void restore(State) noexcept { portEXIT_CRITICAL(); }
};
#elif defined(RSB_MASKS_AS_CORE)
using Interrupts = rsb::CoreInterrupts;
#else
struct Interrupts {
  using State = UBaseType_t;
  static State mask() noexcept {
    // Some ports have two statements here, the second of which masks.
    const State before = portSET_INTERRUPT_MASK_FROM_ISR();
    return before;
  }
  static void restore(State before) noexcept { portCLEAR_INTERRUPT_MASK_FROM_ISR(before); }
};
#endif

PRIVILEGED_DATA constinit volatile bool is_inside = false;  // a call: for who interrupts it
PRIVILEGED_DATA constinit Interrupts::State before_call{};

// The one lock of all that is below. The heap itself needs none: what it does not know, a count or
// whether it has memory, is done under the same turn.
class Masked {
 public:
  Masked() noexcept {
    const Interrupts::State before = Interrupts::mask();
    // A handler of a priority that the kernel does not mask, or one where nothing masks.
    if (is_inside) rsb::raise(rsb::Fault::call_inside_call, nullptr);
    is_inside = true;
    before_call = before;
  }
  ~Masked() { leave(); }
  Masked(const Masked&) = delete;
  Masked& operator=(const Masked&) = delete;

  // Also where a fault ends the call.
  static void leave() noexcept {
    is_inside = false;
    Interrupts::restore(before_call);
  }
};

struct Config {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options{
      .words = configHEAP_RSB_WORDS == 1, .statistics = true, .null_for_zero = true};
};
using Heap = rsb::SmallHeap<Config>;

// ---- Memory ----

// A heap, and what it does not count itself.
struct Pool {
  Heap heap;
  bool has_memory = false;
  size_t allocations = 0;
  size_t frees = 0;

  static void* operator new(size_t, void* at) noexcept { return at; }
};

PRIVILEGED_DATA constinit Pool objects;

// More than a heap takes in one piece is several, side by side.
constexpr size_t most_at_once = 8 * rsb::MiB;

// Returns how many bytes blocks can be had from; 0: it is too small.
size_t add_memory(Pool& pool, uint8_t* base, size_t bytes) noexcept {
  size_t added = 0;
  do {
    const size_t piece = bytes < most_at_once ? bytes : most_at_once;
    added += pool.heap.add_region(base, piece);
    base += piece;
    bytes -= piece;
  } while (bytes != 0);
  pool.heap.reset_least_free_bytes();
  return added;
}

// What a heap begins with, when it is first asked for something.
struct Memory {
  uint8_t* base;
  size_t bytes;
};

#if configHEAP_RSB_REGIONS == 1
constexpr Memory of_objects{};
#else
static_assert(configTOTAL_HEAP_SIZE >= Heap::least_first_region,
              "configTOTAL_HEAP_SIZE is too small for a heap");
#endif
}  // namespace

#if configHEAP_RSB_REGIONS != 1
#if configAPPLICATION_ALLOCATED_HEAP == 1
extern "C" uint8_t ucHeap[configTOTAL_HEAP_SIZE];
#else
alignas(portBYTE_ALIGNMENT) PRIVILEGED_DATA static uint8_t ucHeap[configTOTAL_HEAP_SIZE];
#endif
static constexpr Memory of_objects{ucHeap, configTOTAL_HEAP_SIZE};
#endif

#if RSB_HAS_STACKS
static_assert(configHEAP_RSB_STACK_SIZE >= Heap::least_first_region,
              "configHEAP_RSB_STACK_SIZE is too small for a heap");
#if configAPPLICATION_ALLOCATED_HEAP == 1
extern "C" uint8_t ucStackHeap[configHEAP_RSB_STACK_SIZE];
#else
alignas(portBYTE_ALIGNMENT) static uint8_t ucStackHeap[configHEAP_RSB_STACK_SIZE];
#endif
#endif

namespace {

#if RSB_HAS_STACKS
constexpr Memory of_stacks{ucStackHeap, configHEAP_RSB_STACK_SIZE};
PRIVILEGED_DATA constinit Pool stacks;
#endif

// ---- What all pools do, with interrupts masked ----

// False: it has begun already, or has no memory of its own.
bool begin(Pool& pool, Memory memory) noexcept {
  if (pool.has_memory || memory.bytes == 0) return false;
  pool.has_memory = true;
  add_memory(pool, memory.base, memory.bytes);
  return true;
}

void* take(Pool& pool, Memory memory, size_t size) noexcept {
  void* block;
  do {
    if constexpr (portBYTE_ALIGNMENT <= Heap::granule) {
      block = pool.heap.allocate(size);
    } else {
      block = pool.heap.allocate(size, portBYTE_ALIGNMENT);
    }
  } while (block == nullptr && begin(pool, memory));
  if (block != nullptr) pool.allocations++;
  return block;
}

// ---- The same, as the kernel calls it ----

[[maybe_unused]] size_t usable_size(Pool& pool, const void* block) noexcept {
  Masked masked;
  return pool.heap.usable_size(block);
}

void* allocate(Pool& pool, Memory memory, size_t size) noexcept {
  void* block;
  {
    Masked masked;
    block = take(pool, memory, size);
  }
  traceMALLOC(block, usable_size(pool, block));
#if configUSE_MALLOC_FAILED_HOOK == 1
  if (block == nullptr) vApplicationMallocFailedHook();
#endif
  return block;
}

void release(Pool& pool, void* block) noexcept {
  if (block == nullptr) return;
#if configHEAP_CLEAR_MEMORY_ON_FREE == 1
  __builtin_memset(block, 0, usable_size(pool, block));
#endif
  traceFREE(block, usable_size(pool, block));
  Masked masked;
  pool.heap.deallocate(block);
  pool.frees++;
}

}  // namespace

// ---- The kernel's functions ----

extern "C" {

// Called by the heap, and never returns. (Weak, since core declares it so.)
void rsb_fault([[maybe_unused]] rsb_fault_kind kind, [[maybe_unused]] const void* address) {
  Masked::leave();
  configHEAP_RSB_FAULT(kind, address);
  __builtin_trap();
}

void* pvPortMalloc(size_t xWantedSize) {
  return allocate(objects, of_objects, xWantedSize);
}

void vPortFree(void* pv) {
  release(objects, pv);
}

void* pvPortCalloc(size_t xNum, size_t xSize) {
  size_t bytes;
  if (__builtin_mul_overflow(xNum, xSize, &bytes)) return nullptr;
  void* const block = pvPortMalloc(bytes);
  if (block != nullptr) __builtin_memset(block, 0, bytes);
  return block;
}

#if RSB_HAS_STACKS
void* pvPortMallocStack(size_t xSize) {
  return allocate(stacks, of_stacks, xSize);
}

void vPortFreeStack(void* pv) {
  release(stacks, pv);
}
#endif

size_t xPortGetFreeHeapSize(void) {
  Masked masked;
  begin(objects, of_objects);
  return objects.heap.free_bytes();
}

size_t xPortGetMinimumEverFreeHeapSize(void) {
  Masked masked;
  begin(objects, of_objects);
  return objects.heap.least_free_bytes();
}

void xPortResetHeapMinimumEverFreeHeapSize(void) {
  Masked masked;
  objects.heap.reset_least_free_bytes();
}

// Masks for one list of free blocks at a time. Tasks wait until it has seen all of them; what
// handlers change meanwhile may be seen as before or after it.
void vPortGetHeapStats(HeapStats_t* pxHeapStats) {
  size_t blocks = 0;
  size_t largest = 0;
  size_t smallest = SIZE_MAX;
  vTaskSuspendAll();
  vPortInitialiseBlocks();
  unsigned turn = 0;
  do {
    Masked masked;
    turn = objects.heap.visit_free_blocks(turn, [&](size_t bytes) {
      blocks++;
      if (bytes > largest) largest = bytes;
      if (bytes < smallest) smallest = bytes;
    });
  } while (turn != 0);
  {
    Masked masked;
    pxHeapStats->xAvailableHeapSpaceInBytes = objects.heap.free_bytes();
    pxHeapStats->xMinimumEverFreeBytesRemaining = objects.heap.least_free_bytes();
    pxHeapStats->xNumberOfSuccessfulAllocations = objects.allocations;
    pxHeapStats->xNumberOfSuccessfulFrees = objects.frees;
  }
  xTaskResumeAll();
  pxHeapStats->xSizeOfLargestFreeBlockInBytes = largest;
  pxHeapStats->xSizeOfSmallestFreeBlockInBytes = smallest;
  pxHeapStats->xNumberOfFreeBlocks = blocks;
}

#if configHEAP_RSB_REGIONS == 1
static void add_defined(const HeapRegion_t& region) {
  [[maybe_unused]] const size_t added =
      add_memory(objects, region.pucStartAddress, region.xSizeInBytes);
  configASSERT(added != 0);
}

// Before the scheduler runs, and before anything is allocated, as the kernel says.
void vPortDefineHeapRegions(const HeapRegion_t* const pxHeapRegions) {
  configASSERT(!objects.has_memory);
  objects.has_memory = true;
  // The first one's size is that of the largest block there can be.
  const HeapRegion_t* largest = pxHeapRegions;
  for (const HeapRegion_t* r = pxHeapRegions; r->xSizeInBytes != 0; r++) {
    if (r->xSizeInBytes > largest->xSizeInBytes) largest = r;
  }
  add_defined(*largest);
  for (const HeapRegion_t* r = pxHeapRegions; r->xSizeInBytes != 0; r++) {
    if (r != largest) add_defined(*r);
  }
}
#endif

void vPortInitialiseBlocks(void) {
  Masked masked;
  begin(objects, of_objects);
}

void vPortHeapResetState(void) {
  new (&objects) Pool;
#if RSB_HAS_STACKS
  new (&stacks) Pool;
#endif
}

}  // extern "C"
