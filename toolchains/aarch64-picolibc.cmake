# aarch64 bare metal with picolibc: Debian's compiler for Linux, and picolibc in place of glibc.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(picolibc /usr/lib/picolibc/aarch64-linux-gnu)
if(NOT EXISTS ${picolibc}/picolibc.specs)
  message(FATAL_ERROR "No ${picolibc}: run toolchains/install aarch64-picolibc")
endif()
set(flags "-fno-pie -fno-stack-protector -mno-outline-atomics -ftls-model=local-exec")
string(APPEND flags " -ffunction-sections -fdata-sections")
set(CMAKE_ASM_FLAGS_INIT "${flags}")
set(CMAKE_C_FLAGS_INIT "${flags}")
set(CMAKE_CXX_FLAGS_INIT "${flags} -fno-exceptions -fno-rtti -fno-threadsafe-statics")
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES ${picolibc}/include)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${picolibc}/include)
# Not among the flags above, which are those of links too: GCC takes --specs but once.
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "--specs=${picolibc}/picolibc.specs --crt0=semihost --oslib=semihost -static -no-pie")

# The C++ library is that of Linux: tests/support/picolibc makes it fit.
set(RSB_GLIBC_LIBSTDCXX TRUE)

# Of four cores, each a thread of QEMU's: increments that race are lost, as on a real machine.
set(machine ${CMAKE_CURRENT_LIST_DIR}/qemu-semihost
  qemu-system-aarch64 -M virt -accel tcg,thread=multi -smp 4 -m 128M -cpu)
set(CMAKE_CROSSCOMPILING_EMULATOR ${machine} max --)  # has the 16 KiB granule
set(RSB_MORE_MACHINES cortex-a53)                     # has not
set(RSB_EMULATOR_cortex-a53 ${machine} cortex-a53 --)
