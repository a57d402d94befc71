// SPDX-License-Identifier: MIT OR Apache-2.0
// The machine's other cores, which wait switched off until somebody starts them. By PSCI, which the
// machine's firmware offers; on QEMU's machine virt that is QEMU itself. One core at a time may
// start others and wait for them.
#pragma once

namespace rsb::port {

// More than these are not started: each has a stack and thread-local variables set aside.
inline constexpr unsigned most_cores = 8;
inline constexpr unsigned long core_stack_bytes = 64UL * 1024;

// How many there are, the one that the program starts on included, which is core 0.
unsigned cores() noexcept;

// The core runs work(context), with its own errno, and is switched off when that returns. All that
// this core has written is visible to it. False if there is no such core, it is not switched off,
// or the program's thread-local variables need more than is set aside for them.
[[nodiscard]] bool start_core(unsigned core, void (*work)(void*), void* context) noexcept;

// Waits until the core is switched off. All that it has written is visible then.
void wait_for_core(unsigned core) noexcept;

}  // namespace rsb::port
