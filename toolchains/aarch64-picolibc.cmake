# SPDX-License-Identifier: MIT OR Apache-2.0
# aarch64 bare metal with picolibc; programs run on QEMU's machine virt (port aarch64-16k).
set(processor aarch64)
set(picolibc /usr/lib/picolibc/aarch64-linux-gnu)
set(flags "-mno-outline-atomics")
set(link_flags "")
include(${CMAKE_CURRENT_LIST_DIR}/linux-gcc-picolibc.cmake)

# Of four cores, each a thread of QEMU's: increments that race are lost, as on a real machine.
set(machine ${CMAKE_CURRENT_LIST_DIR}/qemu-semihost
  qemu-system-aarch64 -M virt -accel tcg,thread=multi -smp 4 -m 128M -cpu)
set(CMAKE_CROSSCOMPILING_EMULATOR ${machine} max --)  # has the 16 KiB granule
set(RSB_MORE_MACHINES cortex-a53)                     # has not
set(RSB_EMULATOR_cortex-a53 ${machine} cortex-a53 --)
