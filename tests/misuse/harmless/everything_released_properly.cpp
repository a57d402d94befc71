// SPDX-License-Identifier: MIT OR Apache-2.0
// Every kind of block, released in every way that fits: no fault.
#include <string.h>

#include <new>

#include "rsb/rsb.h"

int main() {
  rsb_free(nullptr);
  rsb_page_free(nullptr);
  for (size_t size = 0; size <= 200'000; size += 1 + size / 3) {
    void* const block = rsb_malloc(size);
    memset(block, 0xff, size);
    rsb_free(block);
    rsb_free_sized(rsb_malloc(size), size);
    rsb_free_sized(rsb_realloc(rsb_malloc(size), size + 1000), size + 1000);
    rsb_free_aligned_sized(rsb_aligned_alloc(128, size), 128, size);
    rsb_deallocate(rsb_allocate(size, 4), size, 4);
    rsb_deallocate(rsb_reallocate(rsb_allocate(size, 4), size * 2, 4), size * 2, 4);
    rsb_free(rsb_valloc(size));
    ::operator delete(::operator new(size));
    ::operator delete(::operator new(size), size);
    ::operator delete (::operator new (size, std::align_val_t{64}), size, std::align_val_t{64});
    ::operator delete[](::operator new[](size), size);
  }
  void* const run = rsb_page_allocate(3, 0);
  if (!rsb_page_resize(run, 2)) return 1;
  rsb_page_free(run);
  return rsb_check() != nullptr;
}
