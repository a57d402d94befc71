// From reset to picolibc's start-up code, and from there to the other cores: exceptions, MMU and caches.
//
// The MMU is not a luxury: without it all memory is device memory to the processor, where unaligned accesses,
// which compilers generate, and exclusive ones, of which locks are made, may fail.
//
// Granule: 16 KiB where the processor has it, else 4 KiB. Addresses are physical ones. Only the 1 GiB of
// RAM is mapped, so that a null pointer is an exception; a program with devices maps them here.

#define RAM             0x40000000
#define BLOCK           1
#define SHAREABLE       (3 << 8)
#define ACCESSED        (1 << 10)
#define NORMAL          (BLOCK | SHAREABLE | ACCESSED)  // memory attributes 0 of MAIR

// TCR: translation tables in shareable write-back memory, and no second table (TTBR1).
#define TABLES          ((1 << 8) | (1 << 10) | (3 << 12) | (1 << 23))
#define TCR_4K          (TABLES | 25 | (0 << 14) | (2 << 32))  // 39 bits of address: one table, of level 1
#define TCR_16K         (TABLES | 28 | (2 << 14) | (1 << 32))  // 36 bits: one table, of level 2

        .section .rodata.rsb_port_tables, "a"
        .balign 4096
table_4K:                                       // 512 entries of 1 GiB
        .quad   0
        .quad   RAM + NORMAL
        .fill   510, 8, 0

        .balign 16384
table_16K:                                      // 2,048 entries of 32 MiB
        .fill   32, 8, 0
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
2:      mov     x0, #0xff                       // attributes 0: normal memory, write-back
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

// Any exception ends the program, with status 139: there is nobody to handle it, and a test must not hang.
        .section .text.rsb_port_vectors, "ax"
        .balign 2048
vectors:
        .rept   16
        .balign 128
        b       exception
        .endr
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
