// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef NUTTX_SCHED_NOTE_H
#define NUTTX_SCHED_NOTE_H

#include <nuttx/config.h>
#include <stddef.h>
#include <stdint.h>

enum { NOTE_HEAP_ADD = 1, NOTE_HEAP_REMOVE, NOTE_HEAP_ALLOC, NOTE_HEAP_FREE };

#ifdef CONFIG_SCHED_INSTRUMENTATION_HEAP
#ifdef __cplusplus
extern "C" {
#endif
void sched_note_heap(uint8_t event, void* heap, void* mem, size_t size, size_t curused);
#ifdef __cplusplus
}
#endif
#else
#define sched_note_heap(event, heap, mem, size, curused)
#endif

#endif
