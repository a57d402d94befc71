// SPDX-License-Identifier: MIT OR Apache-2.0
// See memlayout.h.
#define NCPU 8
