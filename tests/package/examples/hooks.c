// SPDX-License-Identifier: MIT OR Apache-2.0
#include <rsb/rsb.h>
#include <stdlib.h> /* stands for the system that you have */

void* rsb_pages_acquire(size_t bytes, size_t alignment) {
  return aligned_alloc(alignment, bytes); /* or null */
}

void rsb_pages_release(void* base, size_t bytes) {
  (void)bytes; /* exactly what one acquire returned */
  free(base);
}
