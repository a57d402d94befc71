# SPDX-License-Identifier: MIT OR Apache-2.0
# What the toolchain files for riscv32 share: Debian's compiler for bare RISC-V, which has picolibc and no C++ library.
# Expects `arch`, the extensions that programs are compiled for, and `cpu`, as QEMU names one with these.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv32)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_CXX_COMPILER riscv64-unknown-elf-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# The specs only here: these flags are on the line that links too, where naming them twice is an error.
set(CMAKE_C_FLAGS_INIT "--specs=picolibc.specs -march=${arch} -mabi=ilp32 -ffunction-sections -fdata-sections")
set(CMAKE_CXX_FLAGS_INIT "${CMAKE_C_FLAGS_INIT} -fno-exceptions -fno-rtti -fno-threadsafe-statics")
set(CMAKE_ASM_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "--crt0=semihost --oslib=semihost -Wl,--gc-sections")

# By the driver of C: that of C++ names a library that is not there.
set(CMAKE_CXX_LINK_EXECUTABLE
  "<CMAKE_C_COMPILER> <FLAGS> <CMAKE_CXX_LINK_FLAGS> <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")

set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/qemu-semihost
  qemu-system-riscv32 -M virt -cpu ${cpu} -bios none -m 128M --)

# The tests bring what they need of one: tests/support/no_cxx_library.
set(RSB_NO_CXX_LIBRARY TRUE)
