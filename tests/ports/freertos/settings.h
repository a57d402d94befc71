// SPDX-License-Identifier: MIT OR Apache-2.0
// The settings of FreeRTOSConfig.h with which the heap was compiled, for tests that are compiled
// once for all of them.
#ifndef SETTINGS_H
#define SETTINGS_H

#include "FreeRTOS.h"

#ifdef __cplusplus
extern "C" {
#endif

struct settings {
  size_t heap_bytes;   // 0: regions
  uint8_t* heap;       // null: the heap's own
  size_t stack_bytes;  // 0: no heap for stacks
  uint8_t* stack_heap;
  size_t alignment;
  int clears;
  int has_hook;
  int traces;
  int asserts;
  int names_faults;
  int masks_as_core;
};
extern const struct settings settings;

// What a heap may be asked whatever its settings: where there are none, these end the program.
void define_regions(const HeapRegion_t* regions);
void* allocate_stack(size_t bytes);
void free_stack(void* stack);

#ifdef __cplusplus
}
#endif

#endif
