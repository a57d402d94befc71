// SPDX-License-Identifier: MIT OR Apache-2.0
#include "kernel_heap.hpp"

constinit rsb::Heap<Kernel> kernel_heap;

// First: some memory, as soon as one knows where there is any.
void heap_begin(void* boot_memory, size_t bytes) {
  kernel_heap.add_region(boot_memory, bytes);
}

// Then: where all memory is, and zeroed memory for a descriptor of each of its pages.
void heap_know_memory(char* direct_map, size_t pages, void* descriptors) {
  static constinit rsb::Window window;
  window = {direct_map, pages, static_cast<rsb::Span*>(descriptors)};
  kernel_heap.pages().add_window(window);
}

// Then: the buddy allocator works.
void heap_use_buddy() {
  kernel_heap.pages().source().start();
}

// From now on, as often as one likes. True: the boot memory is empty, and the kernel's to give to
// the buddy.
bool heap_leave_boot_memory(void* boot_memory, size_t bytes) {
  return kernel_heap.remove_region(boot_memory, bytes) != 0;
}

void* kmalloc(size_t bytes) {
  return kernel_heap.allocate(bytes);
}
void kfree(void* block) {
  kernel_heap.deallocate(block);
}
