// From reset, in machine mode, to picolibc's start-up code. Any exception ends the program, with status 139:
// there is nobody to handle it, and a test must not hang.
        .section .text.rsb_port_start, "ax"
        .global rsb_port_start
rsb_port_start:
        la      t0, exception
        csrw    mtvec, t0
        tail    _start                          // picolibc's, which sets up the stack and calls main

        .balign 4
exception:
        csrr    t0, mcause                      // for a debugger
        csrr    t1, mepc
        csrr    t2, mtval
        li      a0, 0x04                        // SYS_WRITE0
        la      a1, sentence
        jal     ra, semihost
        li      a0, 0x20                        // SYS_EXIT_EXTENDED
        la      a1, status
        jal     ra, semihost
1:      j       1b

// The three instructions that a debugger, or QEMU, takes for a call: none compressed, all in one page.
        .balign 16
        .option push
        .option norvc
semihost:
        slli    zero, zero, 0x1f
        ebreak
        srai    zero, zero, 7
        ret
        .option pop

        .section .rodata.rsb_port_exception, "a"
        .balign 8
status: .quad   0x20026, 139                    // ADP_Stopped_ApplicationExit
sentence:
        .asciz  "processor exception\n"
