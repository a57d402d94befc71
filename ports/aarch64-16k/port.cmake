# SPDX-License-Identifier: MIT OR Apache-2.0
# aarch64 with pages of 16 KiB: what README.md says of Linux, and of machines without a system.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(default_config_header ${CMAKE_CURRENT_LIST_DIR}/linux.hpp)
else()
  include(${CMAKE_CURRENT_LIST_DIR}/bare-metal.cmake)
endif()
