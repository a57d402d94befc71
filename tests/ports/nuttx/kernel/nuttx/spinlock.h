// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef NUTTX_SPINLOCK_H
#define NUTTX_SPINLOCK_H

#include <nuttx/config.h>
#include <nuttx/irq.h>

typedef uint8_t spinlock_t;

#ifdef CONFIG_SPINLOCK
#ifdef __cplusplus
extern "C" {
#endif
irqstate_t spin_lock_irqsave(volatile spinlock_t* lock);
void spin_unlock_irqrestore(volatile spinlock_t* lock, irqstate_t flags);
#ifdef __cplusplus
}
#endif
#else
#define spin_lock_irqsave(lock) ((void)(lock), up_irq_save())
#define spin_unlock_irqrestore(lock, flags) ((void)(lock), up_irq_restore(flags))
#endif

#endif
