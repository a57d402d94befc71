# SPDX-License-Identifier: MIT OR Apache-2.0
# x86-64 Linux with musl. There is no driver for C++, nor a C++ library: musl-gcc compiles both.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_CXX_COMPILER musl-gcc)

set(RSB_MUSL TRUE)
