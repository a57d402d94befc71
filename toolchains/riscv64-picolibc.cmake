# riscv64 bare metal with picolibc: Debian's compiler for Linux, and picolibc in place of glibc.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_C_COMPILER riscv64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER riscv64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(picolibc /usr/lib/picolibc/riscv64-unknown-elf)
if(NOT EXISTS ${picolibc}/picolibc.specs)
  message(FATAL_ERROR "No ${picolibc}: run toolchains/install riscv64-picolibc")
endif()
# medany: RAM begins at 2 GiB, which the default code model does not reach.
set(flags "-march=rv64gc -mabi=lp64d -mcmodel=medany -fno-pie -fno-stack-protector")
string(APPEND flags " -ftls-model=local-exec -ffunction-sections -fdata-sections")
set(CMAKE_ASM_FLAGS_INIT "${flags}")
set(CMAKE_C_FLAGS_INIT "${flags}")
set(CMAKE_CXX_FLAGS_INIT "${flags} -fno-exceptions -fno-rtti -fno-threadsafe-statics")
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES ${picolibc}/include)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${picolibc}/include)
# Not among the flags above, which are those of links too: GCC takes --specs but once.
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "--specs=${picolibc}/picolibc.specs --crt0=semihost --oslib=semihost -static -no-pie -Wl,--build-id=none")

# The C++ library is that of Linux: tests/support/picolibc makes it fit.
set(RSB_GLIBC_LIBSTDCXX TRUE)

set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/qemu-semihost
  qemu-system-riscv64 -M virt -bios none -m 128M --)
