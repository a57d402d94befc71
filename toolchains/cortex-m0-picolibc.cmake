# SPDX-License-Identifier: MIT OR Apache-2.0
# Cortex-M0 with picolibc; programs run on QEMU's microbit, to which it gives more memory than the board has: the tests
# are larger than 16 KiB. The memory map is here, since this is no board.
set(cpu "-mcpu=cortex-m0")
set(machine microbit -global nrf51-soc.sram-size=4194304 -global nrf51-soc.flash-size=4194304)
include(${CMAKE_CURRENT_LIST_DIR}/arm-picolibc.cmake)
string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -Wl,--defsym=__flash=0,--defsym=__flash_size=4M\
  -Wl,--defsym=__ram=0x20000000,--defsym=__ram_size=4M,--defsym=__stack_size=64K")
