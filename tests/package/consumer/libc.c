// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::libc and rsb::shared: what anybody allocates by a standard name comes from rsbmalloc.
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "live.h"

int main(void) {
  const size_t before = live();
  void* const block = used(malloc(100));
  if (live() != before + 1) return 1;

  void* const copy = used(strdup("allocated inside the C library"));
  if (live() != before + 2) return 2;

  free(block);
  free(copy);
  return live() == before ? 0 : 3;
}
