# SPDX-License-Identifier: MIT OR Apache-2.0
cmake -S firmware -B build-netduino \
  -DCMAKE_TOOLCHAIN_FILE=$PWD/rsbmalloc/toolchains/cortex-m4-picolibc.cmake \
  -DRSB_PORT=$PWD/netduinoplus2
cmake --build build-netduino
rsbmalloc/toolchains/qemu-semihost qemu-system-arm -M netduinoplus2 -- build-netduino/firmware
