# SPDX-License-Identifier: MIT OR Apache-2.0
# riscv32 bare metal with picolibc, of SiFive's E31: with atomic instructions, without floating point; programs run on
# QEMU's machine virt (port riscv32-virt).
set(arch rv32imac)
set(cpu sifive-e31)
include(${CMAKE_CURRENT_LIST_DIR}/riscv32-elf.cmake)
