# SPDX-License-Identifier: MIT OR Apache-2.0
# How FreeRTOS's kernel compiles heap_rsb.cpp, which is C++ among its C. Include this behind the add_subdirectory() that
# makes the target freertos_kernel.
#
# By the C compiler's driver, which knows both languages: so the project need not have C++ as a language, and
# programs are linked as before, without a C++ library.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/heap_rsb.cpp TARGET_DIRECTORY freertos_kernel PROPERTIES
  LANGUAGE C
  INCLUDE_DIRECTORIES ${CMAKE_CURRENT_LIST_DIR}/../../core/include
  COMPILE_OPTIONS "-xc++;-std=gnu++20;-ffreestanding;-fno-exceptions;-fno-rtti;-fno-threadsafe-statics")
