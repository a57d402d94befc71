# SPDX-License-Identifier: MIT OR Apache-2.0
target_sources(rsb_malloc_objects PRIVATE ${CMAKE_CURRENT_LIST_DIR}/regions.cpp)
