# SPDX-License-Identifier: MIT OR Apache-2.0
# Cortex-M0+ with picolibc. QEMU has no such core: nothing runs but the benchmark, on a Cortex-M3.
set(cpu "-mcpu=cortex-m0plus")
set(machine "")
include(${CMAKE_CURRENT_LIST_DIR}/arm-picolibc.cmake)
