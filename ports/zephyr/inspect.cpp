// SPDX-License-Identifier: MIT OR Apache-2.0
// Those functions of Zephyr's sys_heap.h that look at a whole heap.
#include <zephyr/sys/printk.h>

#include "rsb/small_inspector.hpp"
#include "sys_heap.hpp"

extern "C" {

bool sys_heap_validate(struct sys_heap* heap) {
  RSB_OR_ZEPHYRS(heap, validate(heap))
  return rsb::SmallHeapInspector(heap->heap->heap).check() == nullptr;
}

void sys_heap_print_info(struct sys_heap* heap, bool dump_chunks) {
  RSB_OR_ZEPHYRS(heap, print_info(heap, dump_chunks))
  rsb::SmallHeapInspector inspector(heap->heap->heap);
  const rsb::SmallStats stats = inspector.stats();
  printk("%zu bytes in %zu blocks; %zu free in %zu and the top; largest request %zu\n",
         stats.live_bytes, stats.live_blocks, stats.free_bytes, stats.free_blocks,
         stats.largest_request);
  if (!dump_chunks) return;
  inspector.walk([](void* block, size_t bytes) {
    printk("%p: %zu\n", block, bytes);
    return true;
  });
}

}  // extern "C"
