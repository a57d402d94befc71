# SPDX-License-Identifier: MIT OR Apache-2.0
# m68k Linux: big-endian, 32 bits, and nothing is aligned to more than two bytes. Linked statically, so that programs run
# where there is no other file.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR m68k)

set(CMAKE_C_COMPILER m68k-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER m68k-linux-gnu-g++)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)

set(CMAKE_CROSSCOMPILING_EMULATOR timeout 300 qemu-m68k)
