// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef NUTTX_IRQ_H
#define NUTTX_IRQ_H

#include <stdint.h>

typedef uint32_t irqstate_t;

#ifdef __cplusplus
extern "C" {
#endif
irqstate_t up_irq_save(void);
void up_irq_restore(irqstate_t flags);
#ifdef __cplusplus
}
#endif

#endif
