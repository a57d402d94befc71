# SPDX-License-Identifier: MIT OR Apache-2.0
# What the Cortex-M toolchain files share: Debian's compiler for bare ARM. Expects `cpu`, the compiler's options for the
# core; `machine`, the board that QEMU knows with it (none: programs do not run); and of the C library `specs`, by which
# the compiler finds it, and `link_flags`, by which programs get its start-up code for semihosting.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_CXX_COMPILER arm-none-eabi-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)  # what a program is linked with, the port knows

# The specs only here: these flags are on the line that links too, where naming them twice is an error.
set(CMAKE_C_FLAGS_INIT
  "${specs} ${cpu} -mthumb -ffunction-sections -fdata-sections")
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT} -fno-exceptions -fno-rtti -fno-threadsafe-statics")
set(CMAKE_ASM_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${link_flags} -Wl,--gc-sections")

if(machine)
  set(CMAKE_CROSSCOMPILING_EMULATOR
    ${CMAKE_CURRENT_LIST_DIR}/qemu-semihost qemu-system-arm -M ${machine} --)
endif()
