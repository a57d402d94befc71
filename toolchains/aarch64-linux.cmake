# SPDX-License-Identifier: MIT OR Apache-2.0
# aarch64 Linux. Linked statically, so that programs run where there is no other file.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)

# Pages of 4 KiB. (With -p the emulator reports others, but lets misaligned calls succeed: what they do on a real
# kernel shows on the machine linux-16k, with the same files.)
set(CMAKE_CROSSCOMPILING_EMULATOR timeout 300 qemu-aarch64)
set(RSB_EMULATOR_qemu-64k timeout 300 qemu-aarch64 -p 65536)
set(RSB_MORE_MACHINES linux-16k)
