// SPDX-License-Identifier: MIT OR Apache-2.0
// See arch/interrupts.h.
#pragma once

#define SMP_MAX_CPUS 4

extern "C" unsigned arch_curr_cpu_num(void);
