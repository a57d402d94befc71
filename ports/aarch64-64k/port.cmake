# SPDX-License-Identifier: MIT OR Apache-2.0
# aarch64 Linux with pages of 64 KiB.
set(default_config_header ${CMAKE_CURRENT_LIST_DIR}/linux.hpp)
