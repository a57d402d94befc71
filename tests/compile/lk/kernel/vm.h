// SPDX-License-Identifier: MIT OR Apache-2.0
// See arch/interrupts.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096
#define PAGE_ALIGN(x) (((x) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE)
#define PMM_ARENA_FLAG_KMAP 0x1

typedef unsigned int uint;
typedef uintptr_t paddr_t;
struct list_node;

typedef struct pmm_arena {
  struct pmm_arena* node;
  uint flags;
  paddr_t base;
  size_t size;
} pmm_arena_t;

#define list_for_every_entry(list, entry, type, member) \
  for (entry = reinterpret_cast<type*>(list); entry != nullptr; entry = entry->member)

extern "C" {
struct list_node* get_arena_list(void);
size_t pmm_alloc_contiguous(uint count, uint8_t alignment_log2, paddr_t* pa, struct list_node*);
void* pmm_alloc_kpages(uint count, struct list_node*);
size_t pmm_free_kpages(void*, uint count);
void* paddr_to_kvaddr(paddr_t);
}
