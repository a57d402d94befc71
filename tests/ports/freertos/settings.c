// SPDX-License-Identifier: MIT OR Apache-2.0
#include "settings.h"

#include <stdlib.h>

#if configAPPLICATION_ALLOCATED_HEAP == 1
uint8_t ucHeap[configTOTAL_HEAP_SIZE];
uint8_t ucStackHeap[configHEAP_RSB_STACK_SIZE];
#endif

const struct settings settings = {
    .alignment = portBYTE_ALIGNMENT,
#if !configHEAP_RSB_REGIONS
    .heap_bytes = configTOTAL_HEAP_SIZE,
#endif
#if configAPPLICATION_ALLOCATED_HEAP == 1
    .heap = ucHeap,
    .stack_heap = ucStackHeap,
#endif
#if configSTACK_ALLOCATION_FROM_SEPARATE_HEAP == 1
    .stack_bytes = configHEAP_RSB_STACK_SIZE,
#endif
#if configHEAP_CLEAR_MEMORY_ON_FREE == 1
    .clears = 1,
    .traces = 1,
#endif
    .has_hook = configUSE_MALLOC_FAILED_HOOK,
#ifdef FREERTOS_CONFIG_H
    .asserts = 1,
#endif
#ifdef configHEAP_RSB_FAULT
    .names_faults = 1,
#endif
#if !TEST_MASKS_AS_HANDLERS && !defined(__unix__)
    .masks_as_core = 1,
#endif
};

void define_regions(const HeapRegion_t* regions) {
#if configHEAP_RSB_REGIONS
  vPortDefineHeapRegions(regions);
#else
  (void)regions;
  abort();
#endif
}

void* allocate_stack(size_t bytes) {
#if configSTACK_ALLOCATION_FROM_SEPARATE_HEAP == 1
  return pvPortMallocStack(bytes);
#else
  (void)bytes;
  abort();
#endif
}

void free_stack(void* stack) {
#if configSTACK_ALLOCATION_FROM_SEPARATE_HEAP == 1
  vPortFreeStack(stack);
#else
  (void)stack;
  abort();
#endif
}
