# SPDX-License-Identifier: MIT OR Apache-2.0
# Cortex-M3 with picolibc; programs run on QEMU's MPS2 board (port mps2).
set(cpu "-mcpu=cortex-m3")
set(machine mps2-an385)
include(${CMAKE_CURRENT_LIST_DIR}/arm-picolibc.cmake)
