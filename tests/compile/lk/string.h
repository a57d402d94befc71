// SPDX-License-Identifier: MIT OR Apache-2.0
// See arch/interrupts.h.
#pragma once

#include <stddef.h>

extern "C" {
int strcmp(const char*, const char*);
void* memset(void*, int, size_t);
}
