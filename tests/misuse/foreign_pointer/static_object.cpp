// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer is the address of a static object.
#include "rsb/rsb.h"

static long object;

int main() {
  rsb_free(&object);
}
