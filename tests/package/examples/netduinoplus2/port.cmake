# SPDX-License-Identifier: MIT OR Apache-2.0
set(default_platform static-pool)
set(default_config_header ${CMAKE_CURRENT_LIST_DIR}/config.hpp)

target_link_options(rsb_port INTERFACE
  LINKER:--defsym=__flash=0x08000000,--defsym=__flash_size=1M
  LINKER:--defsym=__ram=0x20000000,--defsym=__ram_size=128K
  LINKER:--defsym=__stack_size=4K)
