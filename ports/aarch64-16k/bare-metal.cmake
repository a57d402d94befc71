# SPDX-License-Identifier: MIT OR Apache-2.0
# QEMU's machine virt and picolibc: RAM from 1 GiB on, 128 MiB of it.
enable_language(ASM)
set(default_platform static-pool)
set(default_config_header ${CMAKE_CURRENT_LIST_DIR}/bare_metal_config.hpp)
set(cached_config_header ${CMAKE_CURRENT_LIST_DIR}/cached_bare_metal_config.hpp)

add_library(rsb_port_start STATIC
  ${CMAKE_CURRENT_LIST_DIR}/start.S ${CMAKE_CURRENT_LIST_DIR}/exception.cpp
  ${CMAKE_CURRENT_LIST_DIR}/cores.cpp ${CMAKE_CURRENT_LIST_DIR}/interrupts.cpp)
target_compile_features(rsb_port_start PRIVATE cxx_std_20)
target_compile_options(rsb_port_start PRIVATE
  $<$<COMPILE_LANGUAGE:CXX>:-ffreestanding -O2 -Wall -Wextra -Wconversion -Wshadow>)

# What picolibc's linker script calls flash holds the program's image, in RAM like all the rest.
target_link_options(rsb_port INTERFACE
  LINKER:-e,rsb_port_start
  LINKER:--defsym=__flash=0x40000000 LINKER:--defsym=__flash_size=16M
  LINKER:--defsym=__ram=0x41000000 LINKER:--defsym=__ram_size=112M
  LINKER:--defsym=__stack_size=256K)
target_link_libraries(rsb_port INTERFACE rsb_port_start)
target_include_directories(rsb_port INTERFACE ${CMAKE_CURRENT_LIST_DIR}/include)
