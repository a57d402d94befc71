// SPDX-License-Identifier: MIT OR Apache-2.0
#include "include/rsb/port/interrupts.hpp"

#include <stddef.h>

#include "include/rsb/port/cores.hpp"

namespace {

// The Generic Interrupt Controller, ARM IHI 0048: of its distributor and of its interface to a
// core, the registers used here. What concerns a core's own interrupts each core sees for itself.
volatile uint32_t& device_register(uintptr_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}
constexpr uintptr_t distributor = 0x0800'0000;
constexpr uintptr_t distributor_control = distributor + 0x000;
constexpr uintptr_t set_enable = distributor + 0x100;
constexpr uintptr_t clear_enable = distributor + 0x180;
constexpr uintptr_t software_interrupt = distributor + 0xf00;
constexpr uintptr_t interface = 0x0801'0000;
constexpr uintptr_t interface_control = interface + 0x00;
constexpr uintptr_t priority_mask = interface + 0x04;
constexpr uintptr_t acknowledge = interface + 0x0c;
constexpr uintptr_t end_of_interrupt = interface + 0x10;

// Their numbers on every core.
constexpr uint32_t by_core = 0;
constexpr uint32_t virtual_timer = 27;

// Per core, and only that core's; on a cache line of its own.
struct alignas(64) Timer {
  void (*handler)(void*) = nullptr;
  void* context = nullptr;
  uint32_t period = 0;
};
constinit Timer timers[rsb::port::most_cores];

// Lets the timer fire in `period` ticks.
void arm(uint32_t period) {
  asm volatile("msr cntv_tval_el0, %0\n isb" ::"r"(uint64_t{period}));
}

}  // namespace

// By start.S, with interrupts masked.
extern "C" void rsb_port_handle_interrupt() {
  const uint32_t acknowledged = device_register(acknowledge);
  const uint32_t number = acknowledged & 0x3ff;
  if (number != virtual_timer && number != by_core) return;  // it was withdrawn meanwhile
  const Timer& timer = timers[rsb::port::this_core()];
  if (timer.handler != nullptr) timer.handler(timer.context);
  arm(timer.period);  // first, so that the interrupt does not count as still wanted
  device_register(end_of_interrupt) = acknowledged;
}

uint64_t rsb::port::ticks() noexcept {
  uint64_t now;
  asm volatile("isb\n mrs %0, cntvct_el0" : "=r"(now)::"memory");
  return now;
}

uint64_t rsb::port::ticks_per_second() noexcept {
  uint64_t frequency;
  asm("mrs %0, cntfrq_el0" : "=r"(frequency));
  return frequency;
}

void rsb::port::start_timer(uint32_t period, void (*handler)(void*), void* context) noexcept {
  stop_timer();
  timers[this_core()] = {handler, context, period};
  device_register(distributor_control) = 1;
  device_register(priority_mask) = 0xff;
  device_register(interface_control) = 1;
  device_register(set_enable) = uint32_t{1} << virtual_timer | uint32_t{1} << by_core;
  arm(period);
  asm volatile("msr cntv_ctl_el0, %0\n isb" ::"r"(uint64_t{1}));
  asm volatile("msr daifclr, #2" ::: "memory");
}

void rsb::port::stop_timer() noexcept {
  asm volatile("msr cntv_ctl_el0, xzr\n isb" ::: "memory");
  device_register(clear_enable) = uint32_t{1} << virtual_timer;
  asm volatile("dsb sy\n isb" ::: "memory");
  timers[this_core()].handler = nullptr;
}

void rsb::port::interrupt_core(unsigned core) noexcept {
  if (core >= most_cores) return;
  asm volatile("dsb ish" ::: "memory");  // the handler sees what was written before
  device_register(software_interrupt) = uint32_t{1} << (16 + core) | by_core;
}
