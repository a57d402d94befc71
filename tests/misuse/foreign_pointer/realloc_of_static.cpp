// SPDX-License-Identifier: MIT OR Apache-2.0
// A static object is resized.
#include "rsb/rsb.h"

static long object[2];

int main() {
  return rsb_realloc(object, 100) == nullptr;
}
