# SPDX-License-Identifier: MIT OR Apache-2.0
# What the Cortex-M toolchain files with picolibc share. Expects `cpu` and `machine`: see arm-none-eabi.cmake.
set(specs "--specs=picolibcpp.specs")
set(link_flags "--crt0=semihost --oslib=semihost")
include(${CMAKE_CURRENT_LIST_DIR}/arm-none-eabi.cmake)
