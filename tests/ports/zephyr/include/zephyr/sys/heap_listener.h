// SPDX-License-Identifier: MIT OR Apache-2.0
// See kernel.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HEAP_ID_FROM_POINTER(heap) (reinterpret_cast<uintptr_t>(heap))

#ifdef __cplusplus
extern "C" {
#endif

void heap_listener_notify_alloc(uintptr_t heap_id, void* mem, size_t bytes);
void heap_listener_notify_free(uintptr_t heap_id, void* mem, size_t bytes);

#ifdef __cplusplus
}
#endif
