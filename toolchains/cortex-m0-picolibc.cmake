# SPDX-License-Identifier: MIT OR Apache-2.0
# Cortex-M0 with picolibc; programs run on QEMU's BBC micro:bit with more memory than a real one has (port microbit).
set(cpu "-mcpu=cortex-m0")
set(machine microbit -global nrf51-soc.flash-size=4194304 -global nrf51-soc.sram-size=4194304)
include(${CMAKE_CURRENT_LIST_DIR}/arm-picolibc.cmake)
