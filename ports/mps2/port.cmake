# Arm's MPS2 boards: Cortex-M0+ (AN383), M3 (AN385), M4 (AN386).
set(default_platform static-pool)
set(default_config_header ${CMAKE_CURRENT_LIST_DIR}/config.hpp)

# The memory map, for picolibc's linker script: code in the 4 MiB from 0, data in the 16 MiB of PSRAM.
target_link_options(rsb_port INTERFACE
  LINKER:--defsym=__flash=0x00000000,--defsym=__flash_size=4M
  LINKER:--defsym=__ram=0x21000000,--defsym=__ram_size=16M
  LINKER:--defsym=__stack_size=64K)
