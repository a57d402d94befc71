// SPDX-License-Identifier: MIT OR Apache-2.0
/* As with heap_5, and blocks aligned to more than the heap's granule. */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#define configHEAP_RSB_REGIONS 1
#define configSTACK_ALLOCATION_FROM_SEPARATE_HEAP 1
#define configHEAP_RSB_STACK_SIZE ((size_t)(8 * 1024))
#define portBYTE_ALIGNMENT 32
#define TEST_MASKS_AS_HANDLERS 1

#ifdef __cplusplus
extern "C"
#endif
    void
    test_assert_failed(void);
#define configASSERT(x) \
  if ((x) == 0) test_assert_failed()
#endif
