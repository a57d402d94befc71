// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef NUTTX_FS_PROCFS_H
#define NUTTX_FS_PROCFS_H

struct mm_heap_s;
struct procfs_meminfo_entry_s {
  const char* name;
  struct mm_heap_s* heap;
  struct procfs_meminfo_entry_s* next;
};

#ifdef __cplusplus
extern "C" {
#endif
void procfs_register_meminfo(struct procfs_meminfo_entry_s* entry);
void procfs_unregister_meminfo(struct procfs_meminfo_entry_s* entry);
#ifdef __cplusplus
}
#endif

#endif
