// SPDX-License-Identifier: MIT OR Apache-2.0
// What the firmware needs of the board: two timers.
#pragma once

#include <stdint.h>

namespace firmware {

inline volatile uint32_t& device_register(uintptr_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}

// SysTick, which interrupts (Armv7-M, B3.3). `ticks`: from 1 to 2^24, of the processor's clock, 25
// MHz.
inline void start_sys_tick(uint32_t ticks) {
  device_register(0xe000'e014) = ticks - 1;  // reload value
  device_register(0xe000'e018) = 0;          // current value
  device_register(0xe000'e010) = 7;          // processor's clock, interrupt, on
}

inline void stop_sys_tick() {
  device_register(0xe000'e010) = 0;
}

// The first of the board's timers (CMSDK APB timer), which only counts: 25 MHz, downwards.
struct Clock {
  static void start() {
    device_register(0x4000'0008) = UINT32_MAX;  // reload value
    device_register(0x4000'0004) = UINT32_MAX;  // current value
    device_register(0x4000'0000) = 1;           // on
  }
  static uint32_t now() { return UINT32_MAX - device_register(0x4000'0004); }
};

}  // namespace firmware
