// SPDX-License-Identifier: MIT OR Apache-2.0
// For tasks.cpp.
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#define configTOTAL_HEAP_SIZE ((size_t)(16 * 1024))
#define configMAX_SYSCALL_INTERRUPT_PRIORITY 0x40
#define portBYTE_ALIGNMENT 8
#define TEST_PORT_OWN "portmacro.h"

#ifdef __cplusplus
extern "C"
#endif
    void
    test_heap_fault(int kind);
#define configHEAP_RSB_FAULT(xKind, pvAddress) test_heap_fault(xKind)

#endif
