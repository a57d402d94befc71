// SPDX-License-Identifier: MIT OR Apache-2.0
#include "board.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void _set_tls(void* block);  // of picolibc, whose <picotls.h> not all its configurations have

// Of picolibc's linker script.
extern char __heap_start[], __heap_end[];
extern char __data_start[], __data_source[], __data_size[];
extern char __bss_start[], __bss_size[];
extern char __tls_base[];

void* board_pool(size_t bytes) {
  const uintptr_t pool = ((uintptr_t)__heap_start + 4095) & ~(uintptr_t)4095;
  if (pool > (uintptr_t)__heap_end || bytes > (uintptr_t)__heap_end - pool) {
    printf("the board has no %lu bytes for a pool\n", (unsigned long)bytes);
    exit(2);
  }
  return (void*)pool;
}

// What the start-up code did.
void board_restart(void) {
  fflush(stdout);
  memcpy(__data_start, __data_source, (uintptr_t)__data_size);
  memset(__bss_start, 0, (uintptr_t)__bss_size);
  _set_tls(__tls_base);
}
