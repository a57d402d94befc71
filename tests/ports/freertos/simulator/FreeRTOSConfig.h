// SPDX-License-Identifier: MIT OR Apache-2.0
/* FreeRTOS as a program of this system, with more memory than a heap takes in one piece. */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#define configTOTAL_HEAP_SIZE ((size_t)(20 * 1024 * 1024))
#define portBYTE_ALIGNMENT 8
#define TEST_MASKS_AS_HANDLERS 0

#ifdef __cplusplus
extern "C"
#endif
    void
    test_assert_failed(void);
#define configASSERT(x) \
  if ((x) == 0) test_assert_failed()
#endif
