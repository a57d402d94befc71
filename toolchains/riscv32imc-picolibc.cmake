# SPDX-License-Identifier: MIT OR Apache-2.0
# riscv32 bare metal with picolibc, without atomic instructions, as Espressif's ESP32-C3; programs run on QEMU's machine
# virt (port riscv32-virt) with lowRISC's Ibex, which has none either.
set(arch rv32imc)
set(cpu lowrisc-ibex)
include(${CMAKE_CURRENT_LIST_DIR}/riscv32-elf.cmake)
