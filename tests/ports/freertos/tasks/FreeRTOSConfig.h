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
    test_assert_failed(void);
#define configASSERT(x) \
  if ((x) == 0) test_assert_failed()
#endif
