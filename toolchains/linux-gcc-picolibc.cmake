# SPDX-License-Identifier: MIT OR Apache-2.0
# What the toolchain files share that have picolibc and no compiler for bare metal: Debian's compiler for Linux, and
# picolibc in place of glibc. Expects `processor`, as Debian's compilers name it; `picolibc`, the folder of its
# specs; `flags`, for the compiler, and `link_flags`, for the linker besides.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR ${processor})
set(CMAKE_C_COMPILER ${processor}-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER ${processor}-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

if(NOT EXISTS ${picolibc}/picolibc.specs)
  message(FATAL_ERROR "No ${picolibc}: run toolchains/install ${processor}-picolibc")
endif()
string(APPEND flags " -fno-pie -fno-stack-protector -ftls-model=local-exec -ffunction-sections -fdata-sections")
set(CMAKE_ASM_FLAGS_INIT "${flags}")
set(CMAKE_C_FLAGS_INIT "${flags}")
set(CMAKE_CXX_FLAGS_INIT "${flags} -fno-exceptions -fno-rtti -fno-threadsafe-statics")
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES ${picolibc}/include)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${picolibc}/include)
# Not among the flags above, which are those of links too: GCC takes --specs but once.
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "--specs=${picolibc}/picolibc.specs --crt0=semihost --oslib=semihost -static -no-pie ${link_flags}")

# The C++ library is that of Linux: tests/support/picolibc makes it fit.
set(RSB_GLIBC_LIBSTDCXX TRUE)
