# SPDX-License-Identifier: MIT OR Apache-2.0
# 32-bit x86 Linux, on an x86-64 machine.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR i686)

set(CMAKE_C_COMPILER gcc)
set(CMAKE_CXX_COMPILER g++)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)

# Debian's gcc-multilib, which would let -m32 find <asm/errno.h> and its like, cannot be installed beside cross
# compilers. They are the same for both, so they are looked for, last, where the 64-bit ones are.
set(CMAKE_C_FLAGS_INIT "-m32 -idirafter /usr/include/x86_64-linux-gnu")
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")

# Runs without an emulator; but not every x86-64 kernel runs 32-bit programs. Else: on a 32-bit kernel, in an emulator.
# (qemu-i386 would need no kernel, but its mremap takes away what MREMAP_DONTUNMAP should leave.)
execute_process(COMMAND /lib/ld-linux.so.2 --version RESULT_VARIABLE no_32_bits OUTPUT_QUIET ERROR_QUIET)
if(no_32_bits)
  set(RSB_NOT_HERE TRUE)
  set(RSB_MORE_MACHINES linux-686)
endif()
