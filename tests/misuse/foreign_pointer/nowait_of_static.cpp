// SPDX-License-Identifier: MIT OR Apache-2.0
// A signal handler frees a static object.
#include "rsb/rsb.h"

alignas(16) static long object[16];

int main() {
  rsb_free(rsb_malloc(24));
  rsb_free_nowait(object);
}
