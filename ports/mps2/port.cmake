# SPDX-License-Identifier: MIT OR Apache-2.0
# Arm's MPS2 boards: Cortex-M0+ (AN383), M3 (AN385), M4 (AN386).
set(default_platform static-pool)
set(default_config_header ${CMAKE_CURRENT_LIST_DIR}/config.hpp)

# The memory map: code in the 4 MiB from 0, data in the 16 MiB of PSRAM.
if(RSB_LIBC MATCHES "^newlib")
  enable_language(ASM)
  add_library(rsb_port_start OBJECT ${CMAKE_CURRENT_LIST_DIR}/newlib_start.S)
  target_link_libraries(rsb_port INTERFACE $<TARGET_OBJECTS:rsb_port_start>)
  target_link_options(rsb_port INTERFACE -T ${CMAKE_CURRENT_LIST_DIR}/newlib.ld)
else()  # picolibc's linker script and start-up code
  target_link_options(rsb_port INTERFACE
    LINKER:--defsym=__flash=0x00000000,--defsym=__flash_size=4M
    LINKER:--defsym=__ram=0x21000000,--defsym=__ram_size=16M
    LINKER:--defsym=__stack_size=64K)
endif()
