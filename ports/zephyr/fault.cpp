// SPDX-License-Identifier: MIT OR Apache-2.0
// What becomes of misuse: the kernel's panic, with a line that names it.
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

#include "rsb/fault.hpp"

// Weak, since core declares it so: an application may have its own.
extern "C" void rsb_fault(rsb_fault_kind kind, const void* address) {
  printk("rsbmalloc: %s: %p\n", rsb::fault_name(static_cast<rsb::Fault>(kind)), address);
  k_panic();
  __builtin_unreachable();
}
