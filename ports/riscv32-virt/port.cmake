# SPDX-License-Identifier: MIT OR Apache-2.0
# QEMU's machine virt for riscv32 without firmware, and picolibc: RAM from 2 GiB on, 128 MiB of it. picolibc's start-up
# code does the rest; it makes an exception print the registers and end the program.
set(default_platform static-pool)
set(default_config_header ${CMAKE_CURRENT_LIST_DIR}/config.hpp)

# What picolibc's linker script calls flash holds the program's image, in RAM like all the rest.
target_link_options(rsb_port INTERFACE
  LINKER:--defsym=__flash=0x80000000,--defsym=__flash_size=16M
  LINKER:--defsym=__ram=0x81000000,--defsym=__ram_size=112M
  LINKER:--defsym=__stack_size=64K)
