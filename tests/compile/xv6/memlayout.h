// SPDX-License-Identifier: MIT OR Apache-2.0
// What ports/xv6 includes of xv6, as far as it uses it: for compile.py, which makes no code of it.
#define KERNBASE 0x80000000L
#define PHYSTOP (KERNBASE + 128 * 1024 * 1024)
