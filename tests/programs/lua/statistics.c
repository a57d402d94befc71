// SPDX-License-Identifier: MIT OR Apache-2.0
/* Linked to the interpreter: at its end says how much of the heap it has used. */
#include <stdio.h>

#include "rsb/rsb.h"

static __attribute__((destructor)) void report(void) {
  rsb_stats stats;
  rsb_get_stats(&stats);
  const char* const broken = rsb_check();
  fprintf(stderr, "rsbmalloc: at most %lu KiB, %s\n", (unsigned long)(stats.peak_used_bytes / 1024),
          broken == NULL ? "sound" : broken);
}
