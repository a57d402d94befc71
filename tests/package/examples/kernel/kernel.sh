# SPDX-License-Identifier: MIT OR Apache-2.0
g++ -std=c++20 -O2 -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector -fno-pic \
  -mgeneral-regs-only -mno-red-zone -I rsbmalloc/core/include -c kernel_heap.cpp
