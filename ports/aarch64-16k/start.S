// SPDX-License-Identifier: MIT OR Apache-2.0
// From reset to picolibc's start-up code, and from there to the other cores: exceptions, interrupts, MMU and caches.
//
// The MMU is not a luxury: without it all memory is device memory to the processor, where unaligned accesses,
// which compilers generate, and exclusive ones, of which locks are made, may fail.
//
// Granule: 16 KiB where the processor has it, else 4 KiB. Addresses are physical ones. Only the 1 GiB of
// RAM is mapped, and the 32 MiB that hold the interrupt controller and the serial port: so a null pointer
// is an exception. A program with other devices maps them here.

#define RAM             0x40000000
#define DEVICES         0x08000000
#define BLOCK           1
#define TABLE           3
#define SHAREABLE       (3 << 8)
#define ACCESSED        (1 << 10)
#define NORMAL          (BLOCK | SHAREABLE | ACCESSED)  // memory attributes 0 of MAIR
#define DEVICE          (BLOCK | ACCESSED | (1 << 2) | (3 << 53))  // attributes 1; holds no instructions

// TCR: translation tables in shareable write-back memory, and no second table (TTBR1).
#define TABLES          ((1 << 8) | (1 << 10) | (3 << 12) | (1 << 23))
#define TCR_4K          (TABLES | 25 | (0 << 14) | (2 << 32))  // 39 bits of address: one table, of level 1
#define TCR_16K         (TABLES | 28 | (2 << 14) | (1 << 32))  // 36 bits: one table, of level 2

        .section .rodata.rsb_port_tables, "a"
        .balign 4096
table_4K:                                       // 512 entries of 1 GiB
        .quad   table_4K_devices + TABLE
        .quad   RAM + NORMAL
        .fill   510, 8, 0
table_4K_devices:                               // the first GiB: 512 entries of 2 MiB
        .fill   64, 8, 0
        .set    block, DEVICES
        .rept   16
        .quad   block + DEVICE
        .set    block, block + (2 << 20)
        .endr
        .fill   512 - 80, 8, 0

        .balign 16384
table_16K:                                      // 2,048 entries of 32 MiB
        .fill   4, 8, 0
        .quad   DEVICES + DEVICE
        .fill   27, 8, 0
        .set    block, RAM
        .rept   32
        .quad   block + NORMAL
        .set    block, block + (32 << 20)
        .endr
        .fill   2048 - 64, 8, 0

        .section .text.rsb_port_start, "ax"

// The program's entry.
        .global rsb_port_start
rsb_port_start:
        bl      prepare
        b       _start                          // picolibc's, which sets up the stack and calls main

// A core's entry. In: x0, what cores.cpp calls a Core.
        .global rsb_port_core_start
rsb_port_core_start:
        mov     x19, x0
        bl      prepare
        ldr     x1, [x19]                       // Core::stack
        mov     sp, x1
        mov     x0, x19
        mov     x29, xzr
        mov     x30, xzr
        b       rsb_port_core_main

// Turns on what C code relies on. Uses no memory; changes x0-x3.
prepare:
        adrp    x0, vectors
        add     x0, x0, :lo12:vectors
        msr     vbar_el1, x0
        msr     tpidr_el1, xzr                  // see exception
        mov     x0, #0x300000                   // floating point, which C code uses to copy
        msr     cpacr_el1, x0

        mrs     x0, id_aa64mmfr0_el1
        ubfx    x0, x0, #20, #4                 // TGran16: 0 where there is none
        cbz     x0, 1f
        ldr     x1, =TCR_16K
        adrp    x2, table_16K
        add     x2, x2, :lo12:table_16K
        b       2f
1:      ldr     x1, =TCR_4K
        adrp    x2, table_4K
        add     x2, x2, :lo12:table_4K
2:      mov     x0, #0x04ff                     // attributes 0: normal memory, write-back; 1: device
        msr     mair_el1, x0
        msr     tcr_el1, x1
        msr     ttbr0_el1, x2
        dsb     sy
        isb
        tlbi    vmalle1
        ic      iallu
        dsb     sy
        isb
        mrs     x0, sctlr_el1
        mov     x1, #0x1005                     // I, C, M: caches and MMU
        orr     x0, x0, x1
        bic     x0, x0, #2                      // A: unaligned accesses are fine
        msr     sctlr_el1, x0
        isb
        ret
        .ltorg

// Any exception but an interrupt ends the program, with status 139: there is nobody to handle it, and a test must
// not hang.
        .section .text.rsb_port_vectors, "ax"
        .balign 2048
vectors:
        .rept   5
        .balign 128
        b       exception
        .endr
        .balign 128
        b       interrupt                       // IRQ, from EL1 with its own stack pointer
        .rept   10
        .balign 128
        b       exception
        .endr

// Saves what interrupts.cpp may change of the interrupted code: all but x19-x28, which it saves itself.
// All of q0-q31, since C code saves but the lower halves of eight; ELR and SPSR for handlers that let further
// interrupts in.
#define FRAME           (192 + 512)
interrupt:
        sub     sp, sp, #FRAME
        stp     x0, x1, [sp, #0]
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x29, [sp, #144]
        mrs     x0, elr_el1
        stp     x30, x0, [sp, #160]
        mrs     x0, spsr_el1
        mrs     x1, fpsr                        // fpcr is the program's, and C code leaves it alone
        stp     x0, x1, [sp, #176]
        stp     q0, q1, [sp, #192]
        stp     q2, q3, [sp, #224]
        stp     q4, q5, [sp, #256]
        stp     q6, q7, [sp, #288]
        stp     q8, q9, [sp, #320]
        stp     q10, q11, [sp, #352]
        stp     q12, q13, [sp, #384]
        stp     q14, q15, [sp, #416]
        stp     q16, q17, [sp, #448]
        stp     q18, q19, [sp, #480]
        stp     q20, q21, [sp, #512]
        stp     q22, q23, [sp, #544]
        stp     q24, q25, [sp, #576]
        stp     q26, q27, [sp, #608]
        stp     q28, q29, [sp, #640]
        stp     q30, q31, [sp, #672]
        bl      rsb_port_handle_interrupt
        ldp     q0, q1, [sp, #192]
        ldp     q2, q3, [sp, #224]
        ldp     q4, q5, [sp, #256]
        ldp     q6, q7, [sp, #288]
        ldp     q8, q9, [sp, #320]
        ldp     q10, q11, [sp, #352]
        ldp     q12, q13, [sp, #384]
        ldp     q14, q15, [sp, #416]
        ldp     q16, q17, [sp, #448]
        ldp     q18, q19, [sp, #480]
        ldp     q20, q21, [sp, #512]
        ldp     q22, q23, [sp, #544]
        ldp     q24, q25, [sp, #576]
        ldp     q26, q27, [sp, #608]
        ldp     q28, q29, [sp, #640]
        ldp     q30, q31, [sp, #672]
        ldp     x0, x1, [sp, #176]
        msr     spsr_el1, x0
        msr     fpsr, x1
        ldp     x30, x0, [sp, #160]
        msr     elr_el1, x0
        ldp     x18, x29, [sp, #144]
        ldp     x16, x17, [sp, #128]
        ldp     x14, x15, [sp, #112]
        ldp     x12, x13, [sp, #96]
        ldp     x10, x11, [sp, #80]
        ldp     x8, x9, [sp, #64]
        ldp     x6, x7, [sp, #48]
        ldp     x4, x5, [sp, #32]
        ldp     x2, x3, [sp, #16]
        ldp     x0, x1, [sp, #0]
        add     sp, sp, #FRAME
        eret

exception:
        mrs     x0, tpidr_el1
        cbnz    x0, end                         // another one, while this one is reported
        mov     x0, #1
        msr     tpidr_el1, x0
        adrp    x0, exception_stack_top
        add     sp, x0, :lo12:exception_stack_top
        mrs     x0, esr_el1
        mrs     x1, elr_el1
        mrs     x2, far_el1
        bl      rsb_port_report_exception
end:    mov     x0, #0x20                       // SYS_EXIT_EXTENDED
        adr     x1, status
        hlt     #0xf000
        b       .
        .balign 8
status: .quad   0x20026, 139                    // ADP_Stopped_ApplicationExit

        .section .bss.rsb_port_exception_stack, "aw", %nobits
        .balign 16
        .skip   4096
exception_stack_top:
