// SPDX-License-Identifier: MIT OR Apache-2.0
// See arch/interrupts.h.
#pragma once

#define LK_DEBUGLEVEL 2

extern "C" [[noreturn, gnu::format(printf, 1, 2)]] void panic(const char*, ...);
