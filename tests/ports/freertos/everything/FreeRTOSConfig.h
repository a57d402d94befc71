// SPDX-License-Identifier: MIT OR Apache-2.0
/* All that is off by default. */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H
#include <stddef.h>

#define configTOTAL_HEAP_SIZE ((size_t)(32 * 1024))
#define configAPPLICATION_ALLOCATED_HEAP 1
#define configSTACK_ALLOCATION_FROM_SEPARATE_HEAP 1
#define configHEAP_RSB_STACK_SIZE ((size_t)(8 * 1024))
#define configUSE_MALLOC_FAILED_HOOK 1
#define configHEAP_CLEAR_MEMORY_ON_FREE 1
#define configHEAP_RSB_WORDS 1
#define portBYTE_ALIGNMENT 8
#define TEST_MASKS_AS_HANDLERS 1
#define TEST_MASKS_IN_TWO_STATEMENTS 1

#ifdef __cplusplus
extern "C" {
#endif
void test_trace_malloc(void* address, size_t bytes);
void test_trace_free(void* address, size_t bytes);
void test_assert_failed(void);
void test_heap_fault(int kind, const void* address);
#ifdef __cplusplus
}
#endif
#define traceMALLOC(pvAddress, uiSize) test_trace_malloc(pvAddress, uiSize)
#define traceFREE(pvAddress, uiSize) test_trace_free(pvAddress, uiSize)
#define configASSERT(x) \
  if ((x) == 0) test_assert_failed()
#define configHEAP_RSB_FAULT(xKind, pvAddress) test_heap_fault(xKind, pvAddress)
#endif
