// SPDX-License-Identifier: MIT OR Apache-2.0
// What ports/lk includes of LK, as far as it uses it: for compile.py, which makes no code of it.
#pragma once

struct arch_interrupt_saved_state {
  bool restore_irqs;
};
typedef struct arch_interrupt_saved_state arch_interrupt_saved_state_t;

extern "C" {
arch_interrupt_saved_state_t arch_interrupt_save(void);
void arch_interrupt_restore(arch_interrupt_saved_state_t);
}
