# SPDX-License-Identifier: MIT OR Apache-2.0
# The BBC micro:bit's nRF51, a Cortex-M0, as QEMU has it on request: with 4 MiB of flash and 4 MiB of RAM.
set(default_platform static-pool)
set(default_config_header ${CMAKE_CURRENT_LIST_DIR}/config.hpp)

# For picolibc's linker script.
target_link_options(rsb_port INTERFACE
  LINKER:--defsym=__flash=0x00000000,--defsym=__flash_size=4M
  LINKER:--defsym=__ram=0x20000000,--defsym=__ram_size=4M
  LINKER:--defsym=__stack_size=64K)
