# SPDX-License-Identifier: MIT OR Apache-2.0
# riscv64 bare metal with picolibc; programs run on QEMU's machine virt (port riscv64-virt).
set(processor riscv64)
set(picolibc /usr/lib/picolibc/riscv64-unknown-elf)
# medany: RAM begins at 2 GiB, which the default code model does not reach.
set(flags "-march=rv64gc -mabi=lp64d -mcmodel=medany")
set(link_flags "-Wl,--build-id=none")
include(${CMAKE_CURRENT_LIST_DIR}/linux-gcc-picolibc.cmake)

set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/qemu-semihost
  qemu-system-riscv64 -M virt -bios none -m 128M --)
