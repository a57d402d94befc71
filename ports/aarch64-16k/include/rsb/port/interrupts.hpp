// SPDX-License-Identifier: MIT OR Apache-2.0
// A timer for each core, which interrupts it, and interrupts from core to core: the generic timer's
// virtual counter, and an interrupt controller of version 2 (GICv2), as QEMU's machine virt has
// them.
#pragma once

#include <stdint.h>

#include "this_core.hpp"

namespace rsb::port {

// A counter that all cores share and that never stops. Any time, any context; not moved by the
// compiler or the processor across accesses before it.
uint64_t ticks() noexcept;
uint64_t ticks_per_second() noexcept;

// From now on handler(context) interrupts this core each time that `period` ticks have passed since
// the handler last returned, so the interrupted code always advances. Unmasks this core's
// interrupts; in the handler they are masked. What it may do is what any code may that has
// interrupted any other: floating point included, waiting for a lock excluded. Needs 1 KiB of the
// interrupted stack besides what the handler takes.
void start_timer(uint32_t period, void (*handler)(void*), void* context) noexcept;

// The handler is not called on this core any more.
void stop_timer() noexcept;

// Calls that core's handler out of turn, as soon as the core lets interrupts in. Several calls may
// become one. Does nothing if there is no such core, or its timer is not started. Any context; this
// core may be meant, too.
void interrupt_core(unsigned core) noexcept;

}  // namespace rsb::port
