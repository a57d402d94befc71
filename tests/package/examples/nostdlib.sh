# SPDX-License-Identifier: MIT OR Apache-2.0
cmake -S rsbmalloc -B build -DRSB_PLATFORM=linux-syscall && cmake --build build
gcc -O2 -ffreestanding -nostdlib -static nostdlib.c -I rsbmalloc/core/include build/librsbmalloc.a -o nostdlib
