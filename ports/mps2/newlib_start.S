// SPDX-License-Identifier: MIT OR Apache-2.0
// What newlib's start-up code leaves to the board: the vectors of a Cortex-M3 or M4, its floating-point unit, and an end
// for programs that do what they must not.
  .syntax unified

  .macro vector name  // a handler that the program may define, by the name that picolibc gives it
  .weak \name
  .set \name, fault
  .word \name
  .endm

  .section .vectors, "a"
  .word __stack
  .word reset
  vector arm_nmi_isr
  vector arm_hardfault_isr
  vector arm_memmanage_isr
  vector arm_busfault_isr
  vector arm_usagefault_isr
  .word 0, 0, 0, 0
  vector arm_svc_isr
  vector arm_debugmon_isr
  .word 0
  vector arm_pendsv_isr
  vector arm_systick_isr

  .text
  .thumb_func
  .type reset, %function
reset:
#ifdef __ARM_FP
  ldr r0, =0xe000ed88  // CPACR
  ldr r1, [r0]
  orr r1, r1, #0xf << 20  // coprocessors 10 and 11: full access
  str r1, [r0]
  dsb
  isb
#endif
  b _start

  // Semihosting: SYS_EXIT with ADP_Stopped_InternalError, which is a failure.
  .thumb_func
  .type fault, %function
fault:
  movs r0, #0x18
  ldr r1, =0x20024
  bkpt #0xab
  b fault
