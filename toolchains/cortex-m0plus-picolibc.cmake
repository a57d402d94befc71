# SPDX-License-Identifier: MIT OR Apache-2.0
# Cortex-M0+ with picolibc. QEMU has no such core: the benchmark and the port to FreeRTOS run on a Cortex-M3; the
# unit tests on a Cortex-M0.
set(cpu "-mcpu=cortex-m0plus")
set(machine "")
include(${CMAKE_CURRENT_LIST_DIR}/arm-picolibc.cmake)
