// SPDX-License-Identifier: MIT OR Apache-2.0
/* What a heap needs of FreeRTOS's header of this name, for tests without FreeRTOS: the names of its
 * public interface, and the defaults of settings. */
#ifndef FREERTOS_H
#define FREERTOS_H

#include <stddef.h>
#include <stdint.h>

#include "FreeRTOSConfig.h"

#ifndef configASSERT
#define configASSERT(x)
#endif
#ifndef configAPPLICATION_ALLOCATED_HEAP
#define configAPPLICATION_ALLOCATED_HEAP 0
#endif
#ifndef configSTACK_ALLOCATION_FROM_SEPARATE_HEAP
#define configSTACK_ALLOCATION_FROM_SEPARATE_HEAP 0
#endif
#ifndef configSUPPORT_DYNAMIC_ALLOCATION
#define configSUPPORT_DYNAMIC_ALLOCATION 1
#endif
#ifndef portBYTE_ALIGNMENT
#define portBYTE_ALIGNMENT 8
#endif
#ifndef configUSE_MALLOC_FAILED_HOOK
#define configUSE_MALLOC_FAILED_HOOK 0
#endif
#ifndef traceMALLOC
#define traceMALLOC(pvAddress, uiSize)
#endif
#ifndef traceFREE
#define traceFREE(pvAddress, uiSize)
#endif
#define PRIVILEGED_DATA
#define PRIVILEGED_FUNCTION

typedef long BaseType_t;
typedef unsigned long UBaseType_t;

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel's port: what masks, and what keeps tasks out. */
#if defined(TEST_PORT_OWN)
#include TEST_PORT_OWN
#elif TEST_MASKS_AS_HANDLERS
#define portHAS_NESTED_INTERRUPTS 1
UBaseType_t test_mask(void);
void test_restore(UBaseType_t before);
#if TEST_MASKS_IN_TWO_STATEMENTS /* as some ports do */
UBaseType_t test_level(void);
#define portSET_INTERRUPT_MASK_FROM_ISR() \
  test_level();                           \
  (void)test_mask()
#else
#define portSET_INTERRUPT_MASK_FROM_ISR() test_mask()
#endif
#define portCLEAR_INTERRUPT_MASK_FROM_ISR(x) test_restore(x)
#else
#define portHAS_NESTED_INTERRUPTS 0
#define portSET_INTERRUPT_MASK_FROM_ISR() 0
#define portCLEAR_INTERRUPT_MASK_FROM_ISR(x) (void)(x)
#endif
void test_enter_critical(void);
void test_exit_critical(void);
#define portENTER_CRITICAL() test_enter_critical()
#define portEXIT_CRITICAL() test_exit_critical()

typedef struct HeapRegion {
  uint8_t* pucStartAddress;
  size_t xSizeInBytes;
} HeapRegion_t;

typedef struct xHeapStats {
  size_t xAvailableHeapSpaceInBytes;
  size_t xSizeOfLargestFreeBlockInBytes;
  size_t xSizeOfSmallestFreeBlockInBytes;
  size_t xNumberOfFreeBlocks;
  size_t xMinimumEverFreeBytesRemaining;
  size_t xNumberOfSuccessfulAllocations;
  size_t xNumberOfSuccessfulFrees;
} HeapStats_t;

void* pvPortMalloc(size_t xWantedSize);
void* pvPortCalloc(size_t xNum, size_t xSize);
void vPortFree(void* pv);
void vPortDefineHeapRegions(const HeapRegion_t* pxHeapRegions);
void vPortGetHeapStats(HeapStats_t* pxHeapStats);
void vPortInitialiseBlocks(void);
size_t xPortGetFreeHeapSize(void);
size_t xPortGetMinimumEverFreeHeapSize(void);
void xPortResetHeapMinimumEverFreeHeapSize(void);
void vPortHeapResetState(void);
#if configSTACK_ALLOCATION_FROM_SEPARATE_HEAP == 1
void* pvPortMallocStack(size_t xSize);
void vPortFreeStack(void* pv);
#else
#define pvPortMallocStack pvPortMalloc
#define vPortFreeStack vPortFree
#endif
#if configUSE_MALLOC_FAILED_HOOK == 1
void vApplicationMallocFailedHook(void);
#endif

#ifdef __cplusplus
}
#endif

#endif
