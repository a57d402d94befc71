// SPDX-License-Identifier: MIT OR Apache-2.0
// A fault hook of the program's own, in place of the default one.
#include <stdio.h>
#include <stdlib.h>

#include "rsb/rsb.h"

extern "C" void rsb_fault(rsb_fault_kind kind, const void*) {
  if (puts(rsb_fault_name(kind)) < 0 || fflush(stdout) != 0) _Exit(1);
  _Exit(100 + kind);
}
