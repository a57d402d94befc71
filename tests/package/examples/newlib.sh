# SPDX-License-Identifier: MIT OR Apache-2.0
cmake -S rsbmalloc -B build-newlib -DRSB_PLATFORM=static-pool \
  -DCMAKE_TOOLCHAIN_FILE=$PWD/rsbmalloc/toolchains/cortex-m4-newlib.cmake
cmake --build build-newlib
arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 --specs=nosys.specs \
  firmware/firmware.c pool.c -I rsbmalloc/core/include \
  -Wl,-u,rsb_replaces_libc build-newlib/librsbmalloc-libc.a build-newlib/librsbmalloc.a \
  -Wl,-Map=firmware.map -o firmware.elf
