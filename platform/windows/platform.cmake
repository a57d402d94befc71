# SPDX-License-Identifier: MIT OR Apache-2.0
# errno.cpp is linked by none but programs that ask for it.
target_sources(rsb_malloc_objects PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/process.cpp ${CMAKE_CURRENT_LIST_DIR}/fault_hook.cpp
  ${CMAKE_CURRENT_LIST_DIR}/fault_report.cpp ${CMAKE_CURRENT_LIST_DIR}/errno.cpp)
target_sources(rsb_libc_objects PRIVATE ${CMAKE_CURRENT_LIST_DIR}/msvcrt.cpp)
list(APPEND RSB_LIBC_SYMBOLS rsb_replaces_msvcrt rsb_sets_errno)
set(RSB_REALLOC_TO_ZERO frees)
