# SPDX-License-Identifier: MIT OR Apache-2.0
# Cortex-M4 with its floating-point unit, and picolibc; programs run on QEMU's MPS2 board (port mps2).
set(cpu "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16")
set(machine mps2-an386)
include(${CMAKE_CURRENT_LIST_DIR}/arm-picolibc.cmake)
