// SPDX-License-Identifier: MIT OR Apache-2.0
// A library whose constructor does not return: so whoever opens it holds a lock of the loader's.
#include <unistd.h>

extern void constructor_waits(void);

__attribute__((constructor)) static void start(void) {
  constructor_waits();
  for (;;) pause();
}
