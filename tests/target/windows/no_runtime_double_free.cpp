// SPDX-License-Identifier: MIT OR Apache-2.0
// The default fault hook of a program without a C runtime.
#include "../nostdlib/runtime.hpp"
#include "rsb/rsb.h"

int run() {
  int* const object = new int(3);
  rsb_free(object);
  rsb_free(object);
  return 0;
}
