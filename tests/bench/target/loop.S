// SPDX-License-Identifier: MIT OR Apache-2.0
// A function of known length, for the self-test.
//
//   void loop(void* rounds, size_t);      2 instructions for each of `rounds`, which is not null, and the return
        .text
        .global loop
        .type   loop, %function
#if defined(__arm__)
        .syntax unified
        .thumb_func
loop:   subs    r0, r0, #1
        bne     loop
        bx      lr
#elif defined(__aarch64__)
loop:   subs    x0, x0, #1
        b.ne    loop
        ret
#elif defined(__riscv)
        .option norelax
loop:   addi    a0, a0, -1
        bnez    a0, loop
        ret
#endif
