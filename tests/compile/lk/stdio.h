// SPDX-License-Identifier: MIT OR Apache-2.0
// See arch/interrupts.h.
#pragma once

extern "C" [[gnu::format(printf, 1, 2)]] int printf(const char*, ...);
