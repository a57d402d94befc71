// SPDX-License-Identifier: MIT OR Apache-2.0
// How interrupts are masked on a Cortex-M, as FreeRTOS's ports do: those up to
// configMAX_SYSCALL_INTERRUPT_PRIORITY by BASEPRI, or all where there is no such register.
#ifndef PORTMACRO_H
#define PORTMACRO_H

#if defined(TEST_MASKS_AS_CORE)  // for none of the kernel's
#define portHAS_NESTED_INTERRUPTS 0
#define portSET_INTERRUPT_MASK_FROM_ISR() 0
#define portCLEAR_INTERRUPT_MASK_FROM_ISR(x) (void)(x)
#else

#ifdef __cplusplus
extern "C" {
#endif
void test_begin_masked(void);
void test_end_masked(void);
#ifdef __cplusplus
}
#endif

static inline UBaseType_t test_mask(void) {
  UBaseType_t before = 0;
#if defined(TEST_MASKS_NOTHING)
#elif __ARM_ARCH >= 7
  __asm volatile("mrs %0, basepri\n msr basepri, %1\n isb\n dsb"
                 : "=&r"(before)
                 : "r"(configMAX_SYSCALL_INTERRUPT_PRIORITY)
                 : "memory");
#else
  __asm volatile("mrs %0, primask\n cpsid i" : "=r"(before)::"memory");
#endif
  test_begin_masked();
  return before;
}

static inline void test_restore(UBaseType_t before) {
  test_end_masked();
#if defined(TEST_MASKS_NOTHING)
  (void)before;
#elif __ARM_ARCH >= 7
  __asm volatile("msr basepri, %0" ::"r"(before) : "memory");
#else
  __asm volatile("msr primask, %0" ::"r"(before) : "memory");
#endif
}

#define portHAS_NESTED_INTERRUPTS 1
#define portSET_INTERRUPT_MASK_FROM_ISR() test_mask()
#define portCLEAR_INTERRUPT_MASK_FROM_ISR(x) test_restore(x)

#endif
#endif
